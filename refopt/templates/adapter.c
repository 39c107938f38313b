/* An adapter for `refopt verify --command ./adapter`: gradient descent and heavy ball.
 *     cc -O2 -o adapter adapter.c -lm
 * Put your own optimizer in the place of `direction`. Answers go to stdout by refopt_wire.h, logs to stderr. */
#include "refopt_wire.h"

static void direction(const char *settings, size_t n, const double *gradient, double *velocity, double *step) {
    double rate = number(member(settings, "learning_rate"), 0), momentum = number(member(settings, "momentum"), 0);
    for (size_t i = 0; i < n; i++) { /* the part to replace */
        velocity[i] = momentum * velocity[i] + gradient[i];
        step[i] = -rate * velocity[i];
    }
}

static void base_directions(const Request *r, const char *settings) { /* along given gradients, one a row */
    Array g = array(member(r->in, "gradients"));
    double *velocity = calloc(g.n, sizeof *velocity), *steps = calloc(g.rows * g.n, sizeof *steps);
    for (size_t t = 0; t < g.rows; t++) direction(settings, g.n, g.x + t * g.n, velocity, steps + t * g.n);
    begin(r), put("directions", g.rows, g.n, steps), finish();
    free(g.x), free(velocity), free(steps);
}

static void base_run(const Request *r, const char *settings) { /* freely: the runner is asked for values and gradients */
    Array start = array(member(r->in, "theta"));
    size_t n = start.n, steps = (size_t)number(member(r->in, "steps"), 0);
    double *x = calloc((steps + 1) * n, sizeof *x), *f = calloc(steps + 1, sizeof *f);
    double *velocity = calloc(n, sizeof *x), *gradient = calloc(n, sizeof *x), *step = calloc(n, sizeof *x);
    memcpy(x, start.x, n * sizeof *x);
    for (size_t t = 0; t < steps; t++) {
        ask(r, "gradient", n, x + t * n, gradient, n);
        direction(settings, n, gradient, velocity, step);
        for (size_t i = 0; i < n; i++) x[(t + 1) * n + i] = x[t * n + i] + step[i];
    }
    for (size_t t = 0; t <= steps; t++) ask(r, "value", n, x + t * n, f + t, 1);
    begin(r), put("thetas", steps + 1, n, x), put("values", 0, steps + 1, f), finish();
    free(start.x), free(x), free(f), free(velocity), free(gradient), free(step);
}

int main(void) {
    Request r;
    while (next_request(&r, "my optimizer", "0.1", "\"base_directions\",\"base_run\"")) {
        const char *settings = member(r.in, "settings"), *rate = member(settings, "learning_rate");
        int mine = is(member(r.in, "optimizer"), "heavy_ball") || is(member(r.in, "optimizer"), "gradient_descent");
        if (!mine || !rate || *rate == '{') skip(&r, "only gradient descent and heavy ball, constant learning rate");
        else if (is(r.op, "base_directions")) base_directions(&r, settings);
        else if (!r.callbacks) skip(&r, "needs call-backs");
        else base_run(&r, settings);
    }
    return 0;
}
