/* A small n-body simulation, checked: prints its own time as JSON, or fails where the energy is not what it must be. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BODIES 24
#define STEPS 200000

static double x[BODIES][3], v[BODIES][3], m[BODIES];

static double uniform(unsigned *state) {
    *state = *state * 1664525u + 1013904223u;
    return (*state >> 8) / 16777216.0;
}

static void step(double dt) {
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double d[3], r2 = 0.05;
            for (int k = 0; k < 3; k++) {
                d[k] = x[i][k] - x[j][k];
                r2 += d[k] * d[k];
            }
            double f = dt / (r2 * sqrt(r2));
            for (int k = 0; k < 3; k++) {
                v[i][k] -= d[k] * m[j] * f;
                v[j][k] += d[k] * m[i] * f;
            }
        }
    for (int i = 0; i < BODIES; i++)
        for (int k = 0; k < 3; k++) x[i][k] += dt * v[i][k];
}

static double energy(void) {
    double e = 0;
    for (int i = 0; i < BODIES; i++) {
        for (int k = 0; k < 3; k++) e += 0.5 * m[i] * v[i][k] * v[i][k];
        for (int j = i + 1; j < BODIES; j++) {
            double r2 = 0.05;
            for (int k = 0; k < 3; k++) r2 += (x[i][k] - x[j][k]) * (x[i][k] - x[j][k]);
            e -= m[i] * m[j] / sqrt(r2);
        }
    }
    return e;
}

int main(int argc, char **argv) {
    unsigned state = argc > 1 ? (unsigned)atoi(argv[1]) : 1u;
    for (int i = 0; i < BODIES; i++) {
        m[i] = 0.5 + uniform(&state);
        for (int k = 0; k < 3; k++) {
            x[i][k] = 20 * uniform(&state);
            v[i][k] = 0.1 * (uniform(&state) - 0.5);
        }
    }
    double before = energy();
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < STEPS; i++) step(0.00002);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double after = energy();
    if (!(fabs(after - before) <= 1e-3 * fabs(before))) {
        fprintf(stderr, "wrong: the energy went from %.12g to %.12g\n", before, after);
        return 1;
    }
    printf("{\"seconds\": %.6f}\n", (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec));
    return 0;
}
