/* Moves bodies under gravity: nbody INPUT. Reads INPUT/bodies.txt, writes positions.txt. Correct, and slow. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#ifndef TILE
#define TILE 4 /* bodies whose pull is added up at a time */
#endif
#define MOST 4096

static double x[MOST][3], v[MOST][3], m[MOST];

/* trimtab: begin step */
static void step(int bodies, double dt) {
    static double a[MOST][3];
    for (int i = 0; i < bodies; i++) a[i][0] = a[i][1] = a[i][2] = 0;
    for (int tile = 0; tile < bodies; tile += TILE)
        for (int i = 0; i < bodies; i++) {
            int end = tile + TILE < bodies ? tile + TILE : bodies;
            for (int j = tile; j < end; j++) {
                double d[3], r2 = 0.05;
                for (int k = 0; k < 3; k++) {
                    d[k] = x[j][k] - x[i][k];
                    r2 += d[k] * d[k];
                }
                double pull = m[j] / pow(r2, 1.5);
                for (int k = 0; k < 3; k++) a[i][k] += d[k] * pull;
            }
        }
    for (int i = 0; i < bodies; i++)
        for (int k = 0; k < 3; k++) {
            v[i][k] += dt * a[i][k];
            x[i][k] += dt * v[i][k];
        }
}
/* trimtab: end step */

int main(int argc, char **argv) {
    char name[4096];
    int bodies, steps;
    double dt;
    snprintf(name, sizeof name, "%s/bodies.txt", argc > 1 ? argv[1] : ".");
    FILE *in = fopen(name, "r");
    if (!in || fscanf(in, "%d %d %lf", &bodies, &steps, &dt) != 3 || bodies < 1 || bodies > MOST) return 2;
    for (int i = 0; i < bodies; i++) {
        if (fscanf(in, "%lf", &m[i]) != 1) return 2;
        for (int k = 0; k < 3; k++)
            if (fscanf(in, "%lf", &x[i][k]) != 1) return 2;
        v[i][0] = v[i][1] = v[i][2] = 0;
    }
    for (int i = 0; i < steps; i++) step(bodies, dt);
    FILE *out = fopen("positions.txt", "w");
    if (!out) return 2;
    for (int i = 0; i < bodies; i++) fprintf(out, "%.17g %.17g %.17g\n", x[i][0], x[i][1], x[i][2]);
    return fclose(out) ? 2 : 0;
}
