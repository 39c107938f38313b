# An adapter for `refopt verify --command "julia adapter.jl"`: gradient descent and heavy ball.
# Needs the package JSON. Put your own optimizer in the place of `direction`. Answers go to stdout, logs to stderr.
import JSON

const SPECIAL = Dict("nan" => NaN, "inf" => Inf, "-inf" => -Inf)
number(x) = x isa AbstractString ? SPECIAL[x] : Float64(x)
word(x) = isfinite(x) ? x : isnan(x) ? "nan" : x > 0 ? "inf" : "-inf"
values_of(array) = Float64[number(x) for x in array["f64"]]
# Row-major on the wire, column-major here: a step is a column.
array_of(x, shape...) = Dict("shape" => collect(Int, shape), "dtype" => "float64", "f64" => Any[word(y) for y in vec(x)])
send(message) = (println(JSON.json(message)); flush(stdout))

function direction(settings, gradient, velocity)  # the part to replace
    velocity = Float64(get(settings, "momentum", 0.0)) .* velocity .+ gradient
    return -settings["learning_rate"] .* velocity, velocity
end

function base_directions(id, given)  # along given gradients
    steps, n = Int.(given["gradients"]["shape"])
    gradients = reshape(values_of(given["gradients"]), n, steps)
    directions, velocity = zeros(n, steps), zeros(n)
    for t in 1:steps
        directions[:, t], velocity = direction(given["settings"], gradients[:, t], velocity)
    end
    return Dict("directions" => array_of(directions, steps, n))
end

function base_run(id, given)  # a free run: the runner is asked for values and gradients
    theta, steps = values_of(given["theta"]), Int(given["steps"])
    n = length(theta)
    ask(need, x) = (send(Dict("id" => id, "need" => need, "theta" => array_of(x, n)));
                    values_of(JSON.parse(readline())["result"]))
    thetas, velocity = zeros(n, steps + 1), zeros(n)
    thetas[:, 1] = theta
    for t in 1:steps
        step, velocity = direction(given["settings"], ask("gradient", thetas[:, t]), velocity)
        thetas[:, t + 1] = thetas[:, t] + step
    end
    values = [ask("value", thetas[:, t])[1] for t in 1:(steps + 1)]
    return Dict("thetas" => array_of(thetas, steps + 1, n), "values" => array_of(values, steps + 1))
end

function serve()
    operations, callbacks = Dict("base_directions" => base_directions, "base_run" => base_run), false
    for line in eachline(stdin)
        message = JSON.parse(line)
        message["cmd"] == "bye" && return
        id = message["id"]
        if message["cmd"] == "hello"
            callbacks = message["callbacks"]
            send(Dict("id" => id, "protocol" => "refopt-wire/1", "name" => "my optimizer", "version" => "0.1",
                      "language" => "Julia $VERSION", "capabilities" => collect(keys(operations)), "dtypes" => ["float64"]))
            continue
        end
        given = message["in"]
        known = haskey(operations, message["op"]) && given["optimizer"] in ("gradient_descent", "heavy_ball") && given["settings"]["learning_rate"] isa Real
        if !known || (message["op"] == "base_run" && !callbacks)
            send(Dict("id" => id, "status" => "skip", "message" => "not implemented, or needs call-backs"))
        else
            send(Dict("id" => id, "status" => "ok", "out" => operations[message["op"]](id, given)))
        end
    end
end

serve()
