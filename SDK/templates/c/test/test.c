/* Runs {{id}} on small pictures and checks the numbers: make test */
#include "aquatint_test.h"

static int failures = 0;

static void expect(int holds, const char *what) {
    if (holds) return;
    fprintf(stderr, "FAILED: %s\n", what);
    failures++;
}

int main(void) {
    aqt_test_picture dot = aqt_test_new(9, 7, 1), out = {0, 0, 0, NULL}, tiled = {0, 0, 0, NULL};
    *aqt_test_at(&dot, 4, 3, 0) = 0.9f;

    const char *const one[] = {"radius=1", NULL};
    expect(aqt_test_run("{{id}}", one, &dot, 0, &out) == AQT_OK, "the stage runs");
    if (failures) return 1;
    expect(fabsf(*aqt_test_at(&out, 4, 3, 0) - 0.1f) < 1e-6f, "a dot spreads over nine pixels");
    expect(fabsf(*aqt_test_at(&out, 5, 4, 0) - 0.1f) < 1e-6f, "also to its corners");
    expect(*aqt_test_at(&out, 6, 3, 0) == 0, "and no further");

    expect(aqt_test_run("{{id}}", one, &dot, 2, &tiled) == AQT_OK && aqt_test_difference(&out, &tiled) == 0,
           "cutting the picture into tiles changes nothing");

    const char *const none[] = {"amount=0", NULL};
    expect(aqt_test_run("{{id}}", none, &dot, 0, &out) == AQT_OK && aqt_test_difference(&out, &dot) == 0,
           "amount 0 leaves the picture as it is");

    free(dot.samples), free(out.samples), free(tiled.samples);
    fprintf(stderr, failures ? "%d failed\n" : "all tests passed\n", failures);
    return failures ? 1 : 0;
}
