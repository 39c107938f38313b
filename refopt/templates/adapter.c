/* An adapter for `refopt verify --command ./adapter`: gradient descent and heavy ball.
 *     cc -O2 -o adapter adapter.c -lm
 * Put your own optimizer in the place of `direction`. Answers go to stdout, one JSON line each; logs to stderr.
 * The JSON here is what refopt sends: objects without spaces, keys without escapes; values are skipped as a whole. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void direction(double rate, double momentum, size_t n, const double *gradient, double *velocity, double *step) {
    for (size_t i = 0; i < n; i++) { /* the part to replace */
        velocity[i] = momentum * velocity[i] + gradient[i];
        step[i] = -rate * velocity[i];
    }
}

static const char *after(const char *p) { /* the comma or bracket behind the value at p */
    int depth = 0;
    do {
        if (*p == '"') for (p++; *p && *p != '"'; p++) p += *p == '\\' && p[1];
        else depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p += *p != 0;
    } while (*p && (depth > 0 || !strchr(",]}", *p)));
    return p;
}

static const char *member(const char *p, const char *name) { /* the value of a key of the object at p, or NULL */
    while (p && (*p == '{' || *p == ',') && p[1] == '"') {
        const char *key = p + 2, *end = strchr(key, '"');
        if (!end) return NULL;
        if ((size_t)(end - key) == strlen(name) && !strncmp(key, name, strlen(name))) return end + 2;
        p = after(end + 2);
    }
    return NULL;
}

static int is(const char *value, const char *word) { return value && !strncmp(value, word, strlen(word)); }

static size_t numbers(const char *array, double **out) { /* the entries of {"shape": ..., "f64": [...]} */
    const char *p = member(array, "f64");
    size_t n = 0;
    *out = malloc((p ? strlen(p) : 0) * sizeof **out + sizeof **out);
    for (p = p ? p + 1 : "]"; *p && *p != ']'; p += *p == ',') {
        p += *p == '"'; /* "nan", "inf" and "-inf" are strings, and strtod knows them */
        char *end;
        (*out)[n] = strtod(p, &end);
        if (end == p) break;
        n++, p = end + (*end == '"');
    }
    return n;
}

static void print(const char *name, size_t rows, size_t n, const double *x) { /* rows = 0: a vector */
    printf("\"%s\":{\"shape\":[", name);
    if (rows) printf("%zu,", rows);
    printf("%zu],\"dtype\":\"float64\",\"f64\":[", n);
    for (size_t i = 0; i < (rows ? rows : 1) * n; i++)
        printf(isfinite(x[i]) ? "%s%.17g" : "%s\"%g\"", i ? "," : "", isnan(x[i]) ? fabs(x[i]) : x[i]);
    printf("]}");
}

static char *line;
static size_t capacity;

static void ask(const char *id, const char *need, size_t n, const double *theta, double *result, size_t length) {
    double *found;
    printf("{\"id\":%s,\"need\":\"%s\",", id, need);
    print("theta", 0, n, theta);
    puts("}"), fflush(stdout);
    if (getline(&line, &capacity, stdin) < 0 || numbers(member(line, "result"), &found) != length) exit(1);
    memcpy(result, found, length * sizeof *found), free(found);
}

int main(void) {
    int callbacks = 0;
    while (getline(&line, &capacity, stdin) > 0 && !is(member(line, "cmd"), "\"bye\"")) {
        const char *token = member(line, "id"), *in = member(line, "in"), *settings = member(in, "settings");
        const char *rate = member(settings, "learning_rate"), *momentum = member(settings, "momentum");
        int run = is(member(line, "op"), "\"base_run\""), known = run || is(member(line, "op"), "\"base_directions\"");
        char id[64];
        snprintf(id, sizeof id, "%.*s", (int)(after(token) - token), token);
        if (is(member(line, "cmd"), "\"hello\"")) {
            callbacks = is(member(line, "callbacks"), "true");
            printf("{\"id\":%s,\"protocol\":\"refopt-wire/1\",\"name\":\"my optimizer\",\"version\":\"0.1\",\"language\":\"C\","
                   "\"capabilities\":[\"base_directions\",\"base_run\"],\"dtypes\":[\"float64\"]}\n", id);
        } else if (!known || (run && !callbacks) || *rate == '{' || !(is(member(in, "optimizer"), "\"heavy_ball\"")
                   || is(member(in, "optimizer"), "\"gradient_descent\""))) {
            printf("{\"id\":%s,\"status\":\"skip\",\"message\":\"not implemented, or needs call-backs\"}\n", id);
        } else {
            double *given, a = strtod(rate, NULL), b = momentum ? strtod(momentum, NULL) : 0;
            size_t size = numbers(member(in, run ? "theta" : "gradients"), &given);
            size_t steps = strtoul(run ? member(in, "steps") : member(member(in, "gradients"), "shape") + 1, NULL, 10);
            size_t n = run || !steps ? size : size / steps;
            double *x = calloc((steps + 1) * n, sizeof *x), *f = calloc(steps + 1, sizeof *f);
            double *velocity = calloc(n, sizeof *x), *gradient = calloc(n, sizeof *x), *step = calloc(n, sizeof *x);
            if (run) memcpy(x, given, n * sizeof *x);
            for (size_t t = 0; t < steps; t++) {
                if (run) ask(id, "gradient", n, x + t * n, gradient, n);
                direction(a, b, n, run ? gradient : given + t * n, velocity, step);
                for (size_t i = 0; i < n; i++) x[(t + run) * n + i] = run ? x[t * n + i] + step[i] : step[i];
            }
            for (size_t t = 0; run && t <= steps; t++) ask(id, "value", n, x + t * n, f + t, 1);
            printf("{\"id\":%s,\"status\":\"ok\",\"out\":{", id);
            print(run ? "thetas" : "directions", steps + run, n, x);
            if (run) printf(","), print("values", 0, steps + 1, f);
            puts("}}");
            free(given), free(x), free(f), free(velocity), free(gradient), free(step);
        }
        fflush(stdout);
    }
    return 0;
}
