# The protocol refopt-wire/1 of `refopt verify --command` in one file; adapter.jl shows its use. Needs the package JSON.
import JSON

const SPECIAL = Dict("nan" => NaN, "inf" => Inf, "-inf" => -Inf)
number(x) = x isa AbstractString ? SPECIAL[x] : Float64(x)
word(x) = isfinite(x) ? x : isnan(x) ? "nan" : x > 0 ? "inf" : "-inf"
values_of(array) = Float64[number(x) for x in array["f64"]]
# Row-major on the wire, column-major here: a row is a column.
array_of(x, shape...) = Dict("shape" => collect(Int, shape), "dtype" => "float64", "f64" => Any[word(y) for y in vec(x)])
rows_of(array) = reshape(values_of(array), Int(array["shape"][2]), Int(array["shape"][1]))
send(message) = (println(JSON.json(message)); flush(stdout))

# The problem's "value" or "gradient" at theta, from the runner.
function ask(id, need, theta)
    send(Dict("id" => id, "need" => need, "theta" => array_of(theta, length(theta))))
    return values_of(JSON.parse(readline())["result"])
end

# Answer every case: operations is a Dict of name => function(id, inputs, callbacks), which returns a Dict, or a String to skip.
function serve(name, version, operations)
    callbacks = false
    for line in eachline(stdin)
        message = JSON.parse(line)
        message["cmd"] == "bye" && return
        id = message["id"]
        if message["cmd"] == "hello"
            callbacks = message["callbacks"]
            send(Dict("id" => id, "protocol" => "refopt-wire/1", "name" => name, "version" => version,
                      "language" => "Julia $VERSION", "capabilities" => collect(keys(operations)), "dtypes" => ["float64"]))
            continue
        end
        out = haskey(operations, message["op"]) ? operations[message["op"]](id, message["in"], callbacks) : "not implemented"
        send(out isa String ? Dict("id" => id, "status" => "skip", "message" => out) : Dict("id" => id, "status" => "ok", "out" => out))
    end
end
