/* The protocol refopt-wire/1 of `refopt verify --command` in one header, for C99 and later; adapter.c shows its use.
 * The JSON it reads is what refopt writes: objects without spaces, keys without escapes; a value is a pointer into the line. */
#ifndef REFOPT_WIRE_H
#define REFOPT_WIRE_H
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct { size_t rows, n; double *x; } Array; /* row-major; rows is 1 for a vector, and n for a number; free x */
typedef struct { char id[64]; int callbacks; const char *op, *in; } Request;

static inline const char *after(const char *p) { /* the comma or bracket behind the value at p */
    int depth = 0;
    do {
        if (*p == '"') for (p++; *p && *p != '"'; p++) p += *p == '\\' && p[1];
        else depth += (*p == '{' || *p == '[') - (*p == '}' || *p == ']');
        p += *p != 0;
    } while (*p && (depth > 0 || !strchr(",]}", *p)));
    return p;
}

static inline const char *member(const char *p, const char *name) { /* the value of a key of the object at p, or NULL */
    while (p && (*p == '{' || *p == ',') && p[1] == '"') {
        const char *key = p + 2, *end = strchr(key, '"');
        if (!end) return NULL;
        if ((size_t)(end - key) == strlen(name) && !strncmp(key, name, strlen(name))) return end + 2;
        p = after(end + 2);
    }
    return NULL;
}

static inline int is(const char *value, const char *word) { /* whether a value is this string */
    size_t length = strlen(word);
    return value && *value == '"' && !strncmp(value + 1, word, length) && value[1 + length] == '"';
}

static inline double number(const char *value, double otherwise) { /* a value as a number; otherwise if it is missing */
    return value ? strtod(value + (*value == '"'), NULL) : otherwise; /* "nan", "inf", "-inf" are strings, strtod knows them */
}

static inline Array array(const char *value) { /* a copy of {"shape": [], [n] or [rows, n], "f64": [...]} */
    const char *shape = member(value, "shape"), *p = member(value, "f64");
    char *end = "";
    Array a = {1, !shape ? 0 : shape[1] == ']' ? 1 : strtoul(shape + 1, &end, 10), NULL};
    if (*end == ',') a.rows = a.n, a.n = strtoul(end + 1, NULL, 10);
    a.x = calloc(a.rows * a.n + 1, sizeof *a.x);
    for (size_t i = 0; a.x && p && i < a.rows * a.n && *p && *p != ']'; i++) {
        a.x[i] = number(p + 1, 0);
        p = after(p + 1);
    }
    return a;
}

static inline char *receive(char **line, size_t *capacity) { /* the next line of the runner, or NULL at the end */
    size_t n = 0;
    for (int c; (c = getchar()) != EOF && c != '\n'; (*line)[n++] = (char)c, (*line)[n] = 0)
        if (n + 1 >= *capacity && !(*line = realloc(*line, *capacity = 2 * *capacity + 256))) exit(1);
    return n ? *line : NULL;
}

/* Wait for a case and return 1; 0 at the end. "hello" is answered here; operations are written as in JSON: "\"a\",\"b\"". */
static inline int next_request(Request *r, const char *name, const char *version, const char *operations) {
    static char *line;
    static size_t capacity;
    while (receive(&line, &capacity) && !is(member(line, "cmd"), "bye")) {
        const char *id = member(line, "id");
        snprintf(r->id, sizeof r->id, "%.*s", id ? (int)(after(id) - id) : 0, id ? id : "");
        r->op = member(line, "op"), r->in = member(line, "in");
        if (is(member(line, "cmd"), "run")) return 1;
        r->callbacks = member(line, "callbacks") && *member(line, "callbacks") == 't';
        printf("{\"id\":%s,\"protocol\":\"refopt-wire/1\",\"name\":\"%s\",\"version\":\"%s\",\"language\":\"C\","
               "\"capabilities\":[%s],\"dtypes\":[\"float64\"]}\n", r->id, name, version, operations);
        fflush(stdout);
    }
    return 0;
}

static inline void skip(const Request *r, const char *why) { /* no answer, and why */
    printf("{\"id\":%s,\"status\":\"skip\",\"message\":\"%s\"}\n", r->id, why), fflush(stdout);
}

static inline void print(const char *name, size_t rows, size_t n, const double *x) { /* rows = 0: a vector */
    printf("\"%s\":{\"shape\":[", name);
    if (rows) printf("%zu,", rows);
    printf("%zu],\"dtype\":\"float64\",\"f64\":[", n);
    for (size_t i = 0; i < (rows ? rows : 1) * n; i++)
        printf(isfinite(x[i]) ? "%s%.17g" : "%s\"%g\"", i ? "," : "", isnan(x[i]) ? fabs(x[i]) : x[i]);
    printf("]}");
}

static int put_before; /* whether the answer has a quantity already */
static inline void begin(const Request *r) { put_before = 0, printf("{\"id\":%s,\"status\":\"ok\",\"out\":{", r->id); }
static inline void put(const char *name, size_t rows, size_t n, const double *x) { /* between `begin` and `finish` */
    printf("%s", put_before++ ? "," : ""), print(name, rows, n, x);
}
static inline void finish(void) { puts("}}"), fflush(stdout); }

/* Call back: the problem's "value" (length 1) or "gradient" (length n) at theta, if the request's `callbacks` is set. */
static inline void ask(const Request *r, const char *need, size_t n, const double *theta, double *result, size_t length) {
    static char *line;
    static size_t capacity;
    printf("{\"id\":%s,\"need\":\"%s\",", r->id, need), print("theta", 0, n, theta), puts("}"), fflush(stdout);
    Array found = array(receive(&line, &capacity) ? member(line, "result") : NULL);
    if (found.rows * found.n != length) exit(1);
    memcpy(result, found.x, length * sizeof *result), free(found.x);
}
#endif
