# An adapter for `refopt verify --command "julia adapter.jl"`: gradient descent and heavy ball.
# Put your own optimizer in the place of `direction`. Answers go to stdout by refopt_wire.jl, logs to stderr.
include("refopt_wire.jl")

function direction(settings, gradient, velocity)  # the part to replace
    velocity = Float64(get(settings, "momentum", 0.0)) .* velocity .+ gradient
    return -settings["learning_rate"] .* velocity, velocity
end

known(given) = given["optimizer"] in ("gradient_descent", "heavy_ball") && given["settings"]["learning_rate"] isa Real

function base_directions(id, given, callbacks)  # along given gradients, one a column
    known(given) || return "only gradient descent and heavy ball, constant learning rate"
    gradients = rows_of(given["gradients"])
    n, steps = size(gradients)
    directions, velocity = zeros(n, steps), zeros(n)
    for t in 1:steps
        directions[:, t], velocity = direction(given["settings"], gradients[:, t], velocity)
    end
    return Dict("directions" => array_of(directions, steps, n))
end

function base_run(id, given, callbacks)  # freely: the runner is asked for values and gradients
    known(given) || return "only gradient descent and heavy ball, constant learning rate"
    callbacks || return "needs call-backs"
    theta, steps = values_of(given["theta"]), Int(given["steps"])
    n = length(theta)
    thetas, velocity = zeros(n, steps + 1), zeros(n)
    thetas[:, 1] = theta
    for t in 1:steps
        step, velocity = direction(given["settings"], ask(id, "gradient", thetas[:, t]), velocity)
        thetas[:, t + 1] = thetas[:, t] + step
    end
    values = [ask(id, "value", thetas[:, t])[1] for t in 1:(steps + 1)]
    return Dict("thetas" => array_of(thetas, steps + 1, n), "values" => array_of(values, steps + 1))
end

serve("my optimizer", "0.1", Dict("base_directions" => base_directions, "base_run" => base_run))
