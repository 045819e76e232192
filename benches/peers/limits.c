/* Env steps as plain loops over columns, with the outputs of the envs: what one core can do, no library.
 *
 * Every kernel is `void NAME(int envs, int steps, const int *actions)` with 16 batches of actions. State lives
 * in static columns; dynamics, reward, ends, a fresh state where an env ended, and observations are in. */
#include <immintrin.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ENVS 65536
#define COLUMN(type, name) static type name[MAX_ENVS] __attribute__((aligned(64)))
#define EACH_EIGHT for (int i = 0; i < envs; i += 8)
#define AT(column) (*(v8 *)((column) + i))
#define INT_AT(column) (*(i8 *)((column) + i))

typedef float v8 __attribute__((vector_size(32)));
typedef int32_t i8 __attribute__((vector_size(32)));
typedef uint32_t u8 __attribute__((vector_size(32)));

COLUMN(float, s0); COLUMN(float, s1); COLUMN(float, s2); COLUMN(float, s3);
COLUMN(float, reward);
COLUMN(int32_t, ticks); COLUMN(int32_t, ended);
static float observation[6][MAX_ENVS] __attribute__((aligned(64)));
static u8 seeds = {2654435769u, 1013904223u, 362437u, 521288629u, 88675123u, 5783321u, 6615241u, 123456789u};

static v8 all(float x) { return (v8)_mm256_set1_ps(x); }
static v8 choose(i8 mask, v8 a, v8 b) { return (v8)_mm256_blendv_ps((__m256)b, (__m256)a, (__m256)mask); }
static v8 absolute(v8 x) { return (v8)((i8)x & 0x7fffffff); }
static v8 clamp(v8 x, float low, float high) { return (v8)_mm256_min_ps(_mm256_max_ps((__m256)x, _mm256_set1_ps(low)), _mm256_set1_ps(high)); }
static v8 nearest(v8 x) { return (v8)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static int any(i8 mask) { return !_mm256_testz_si256((__m256i)mask, (__m256i)mask); }

static v8 uniform(float low, float high) {
    seeds ^= seeds << 13; seeds ^= seeds >> 17; seeds ^= seeds << 5;
    return ((v8)((seeds >> 9) | 0x3f800000u) - 1.0f) * (high - low) + low;
}

/* Sine and cosine to 1e-7: reduction by pi/2, then polynomials. */
static void sin_cos(v8 x, v8 *sine, v8 *cosine) {
    v8 quarters = nearest(x * 0.63661977f);
    i8 n = (i8)_mm256_cvtps_epi32((__m256)quarters);
    v8 r = x - quarters * 1.5703125f - quarters * 4.837512969970703e-4f - quarters * 7.54978995489188e-8f;
    v8 z = r * r;
    v8 s = r + r * z * (-1.6666654611e-1f + z * (8.3321608736e-3f + z * -1.9515295891e-4f));
    v8 c = 1.0f - 0.5f * z + z * z * (4.166664568e-2f + z * (-1.388731625e-3f + z * 2.443315712e-5f));
    i8 swap = (n & 1) != 0;
    *sine = (v8)((i8)choose(swap, c, s) ^ ((n & 2) << 30));
    *cosine = (v8)((i8)choose(swap, s, c) ^ (((n + 1) & 2) << 30));
}

static void cartpole_step(int envs, const int *actions) {
    EACH_EIGHT {
        v8 x = AT(s0), v = AT(s1), angle = AT(s2), spin = AT(s3), sine, cosine;
        i8 tick = INT_AT(ticks) + 1;
        v8 force = choose(INT_AT(actions) != 0, all(10), all(-10));
        sin_cos(angle, &sine, &cosine);
        v8 push = (force + 0.05f * spin * spin * sine) * (1 / 1.1f);
        v8 turn = (9.8f * sine - cosine * push) / (0.5f * (4.0f / 3 - 0.1f / 1.1f * cosine * cosine));
        v8 pull = push - (0.05f / 1.1f) * turn * cosine;
        x += 0.02f * v; v += 0.02f * pull; angle += 0.02f * spin; spin += 0.02f * turn;
        i8 end = (absolute(x) > 2.4f) | (absolute(angle) > 0.20943951f) | (tick >= 500);
        if (any(end)) {
            x = choose(end, uniform(-.05f, .05f), x); v = choose(end, uniform(-.05f, .05f), v);
            angle = choose(end, uniform(-.05f, .05f), angle); spin = choose(end, uniform(-.05f, .05f), spin);
            tick &= ~end;
        }
        AT(s0) = x; AT(s1) = v; AT(s2) = angle; AT(s3) = spin;
        INT_AT(ticks) = tick; INT_AT(ended) = end; AT(reward) = all(1);
    }
}

static void pendulum_step(int envs, const int *actions) {
    EACH_EIGHT {
        v8 angle = AT(s0), spin = AT(s1), sine, cosine;
        v8 torque = choose(INT_AT(actions) != 0, all(1.5f), all(-1.5f));
        i8 tick = INT_AT(ticks) + 1, end = tick >= 200;
        v8 turn = angle - 6.2831853f * nearest(angle * 0.15915494f);
        AT(reward) = -(turn * turn + 0.1f * spin * spin + 0.001f * torque * torque);
        sin_cos(angle, &sine, &cosine);
        spin = clamp(spin + (15 * sine + 3 * torque) * 0.05f, -8, 8);
        angle += spin * 0.05f;
        if (any(end)) {
            angle = choose(end, uniform(-3.14159f, 3.14159f), angle); spin = choose(end, uniform(-1, 1), spin);
            tick &= ~end;
        }
        sin_cos(angle, &sine, &cosine);
        AT(s0) = angle; AT(s1) = spin; INT_AT(ticks) = tick; INT_AT(ended) = end;
        AT(observation[0]) = cosine; AT(observation[1]) = sine; AT(observation[2]) = spin;
    }
}

static void mountaincar_step(int envs, const int *actions) {
    EACH_EIGHT {
        v8 x = AT(s0), v = AT(s1), sine, cosine;
        i8 tick = INT_AT(ticks) + 1;
        sin_cos(3 * x, &sine, &cosine);
        v = clamp(v + choose(INT_AT(actions) != 0, all(0.001f), all(-0.001f)) - 0.0025f * cosine, -.07f, .07f);
        x = clamp(x + v, -1.2f, 0.6f);
        v = choose((x <= -1.2f) & (v < 0), all(0), v);
        i8 end = ((x >= 0.5f) & (v >= 0)) | (tick >= 200);
        if (any(end)) {
            x = choose(end, uniform(-.6f, -.4f), x); v = choose(end, all(0), v);
            tick &= ~end;
        }
        AT(s0) = x; AT(s1) = v; INT_AT(ticks) = tick; INT_AT(ended) = end; AT(reward) = all(-1);
    }
}

static void acrobot_slope(v8 a, v8 b, v8 da, v8 db, v8 torque, v8 *ddA, v8 *ddB) {
    v8 sa, ca, sb, cb;
    sin_cos(a, &sa, &ca); sin_cos(b, &sb, &cb);
    v8 d1 = 3.5f + cb, d2 = 1.25f + 0.5f * cb;
    v8 phi2 = 4.9f * (sa * cb + ca * sb);
    v8 phi1 = -0.5f * db * db * sb - db * da * sb + 14.7f * sa + phi2;
    *ddB = (torque + d2 / d1 * phi1 - 0.5f * da * da * sb - phi2) / (1.25f - d2 * d2 / d1);
    *ddA = -(d2 * *ddB + phi1) / d1;
}

static void acrobot_step(int envs, const int *actions) {
    const float h = 0.2f;
    EACH_EIGHT {
        v8 a = AT(s0), b = AT(s1), da = AT(s2), db = AT(s3);
        v8 ka[4], kb[4], sa, ca, sb, cb;
        v8 torque = choose(INT_AT(actions) != 0, all(1), all(-1));
        i8 tick = INT_AT(ticks) + 1;
        acrobot_slope(a, b, da, db, torque, &ka[0], &kb[0]);
        v8 da2 = da + .5f * h * ka[0], db2 = db + .5f * h * kb[0];
        acrobot_slope(a + .5f * h * da, b + .5f * h * db, da2, db2, torque, &ka[1], &kb[1]);
        v8 da3 = da + .5f * h * ka[1], db3 = db + .5f * h * kb[1];
        acrobot_slope(a + .5f * h * da2, b + .5f * h * db2, da3, db3, torque, &ka[2], &kb[2]);
        v8 da4 = da + h * ka[2], db4 = db + h * kb[2];
        acrobot_slope(a + h * da3, b + h * db3, da4, db4, torque, &ka[3], &kb[3]);
        a += h / 6 * (da + 2 * da2 + 2 * da3 + da4); b += h / 6 * (db + 2 * db2 + 2 * db3 + db4);
        da = clamp(da + h / 6 * (ka[0] + 2 * ka[1] + 2 * ka[2] + ka[3]), -12.566371f, 12.566371f);
        db = clamp(db + h / 6 * (kb[0] + 2 * kb[1] + 2 * kb[2] + kb[3]), -28.274334f, 28.274334f);
        a -= 6.2831853f * nearest(a * 0.15915494f); b -= 6.2831853f * nearest(b * 0.15915494f);
        sin_cos(a, &sa, &ca); sin_cos(b, &sb, &cb);
        i8 goal = (-ca - (ca * cb - sa * sb)) > 1, end = goal | (tick >= 500);
        AT(reward) = choose(goal, all(0), all(-1));
        if (any(end)) {
            a = choose(end, uniform(-.1f, .1f), a); b = choose(end, uniform(-.1f, .1f), b);
            da = choose(end, uniform(-.1f, .1f), da); db = choose(end, uniform(-.1f, .1f), db);
            tick &= ~end;
            sin_cos(a, &sa, &ca); sin_cos(b, &sb, &cb);
        }
        AT(s0) = a; AT(s1) = b; AT(s2) = da; AT(s3) = db; INT_AT(ticks) = tick; INT_AT(ended) = end;
        AT(observation[0]) = ca; AT(observation[1]) = sa; AT(observation[2]) = cb; AT(observation[3]) = sb;
        AT(observation[4]) = da; AT(observation[5]) = db;
    }
}

/* A room of 8 x 8 in a board with walls around, and MiniGrid's view of 7 x 7 x 3 bytes: no occlusion. */
#define BOARD 16
static uint32_t boards[MAX_ENVS][BOARD * BOARD];
static uint8_t images[MAX_ENVS][147];
static uint16_t agents[MAX_ENVS], clocks[MAX_ENVS];
static const int DX[4] = {1, 0, -1, 0}, DY[4] = {0, 1, 0, -1};

static void minigrid_step(int envs, const int *actions) {
    for (int i = 0; i < envs; i++) {
        const uint32_t *board = boards[i];
        int agent = agents[i], facing = agent & 3, x = (agent >> 2) & 7, y = agent >> 5;
        int action = (actions[i] + i) % 3, nx = x + DX[facing], ny = y + DY[facing];
        int forward = action == 2 && (board[(ny + 4) * BOARD + nx + 4] & 255) == 1;
        if (forward) { x = nx; y = ny; }
        facing = (facing + (action == 1) - (action == 0)) & 3;
        int goal = x == 6 && y == 6, tick = clocks[i] + 1, end = goal || tick >= 256;
        reward[i] = goal ? 1 - 0.9f * tick / 256 : 0;
        if (end) { x = 1; y = 1; facing = 0; tick = 0; }
        ended[i] = end; clocks[i] = tick; agents[i] = facing | (x << 2) | (y << 5);
        uint8_t *image = images[i];
        int here = (y + 4) * BOARD + x + 4, ahead = DY[facing] * BOARD + DX[facing];
        int right = DX[facing] * BOARD - DY[facing];
        for (int column = -3; column <= 3; column++)
            for (int row = 6; row >= 0; row--) {
                uint32_t cell = board[(here + column * right + row * ahead) & 255];
                image[0] = cell; image[1] = cell >> 8; image[2] = cell >> 16; image += 3;
            }
    }
}

static void minigrid_begin(int envs) {
    for (int i = 0; i < envs; i++) {
        agents[i] = (1 << 2) | (1 << 5);
        for (int y = 0; y < BOARD; y++)
            for (int x = 0; x < BOARD; x++)
                boards[i][y * BOARD + x] = x >= 5 && x <= 10 && y >= 5 && y <= 10 ? 1 : 2 | (5 << 8);
    }
}

#define KERNEL(name, begin) \
    void name(int envs, int steps, const int *actions) { \
        if (agents[0] == 0) begin; \
        for (int t = 0; t < steps; t++) name##_step(envs, actions + (size_t)(t & 15) * envs); \
    }
KERNEL(cartpole, (void)0)
KERNEL(pendulum, (void)0)
KERNEL(mountaincar, (void)0)
KERNEL(acrobot, (void)0)
KERNEL(minigrid, minigrid_begin(envs))
