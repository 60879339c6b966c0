/* What one core does out of registers: twelve independent sums, each one multiply-add after another.

   `<format>_peak(repeats)` returns the sum of every lane, so that a caller sees that each operation was
   done; `<format>_operations()` is how many one repeat counts, 0 where this processor has no such
   instruction. Operands are 1 and 2, every sum exact. */
#include <immintrin.h>
#include <stdint.h>

#define SUMS 12 /* two pipes, four cycles of latency: eight would do */

/* The compiler must not see that an operand never changes: it would take its product out of the loop. */
#define VARIES(x) __asm__ volatile("" : "+x"(x))

#if defined(__AVX512F__)
typedef __m512 F;
typedef __m512d D;
typedef __m512i I;
#define F_SET _mm512_set1_ps
#define D_SET _mm512_set1_pd
#define I_SET8 _mm512_set1_epi8
#define I_ZERO _mm512_setzero_si512
#define F_FMA _mm512_fmadd_ps
#define D_FMA _mm512_fmadd_pd
#elif defined(__AVX2__) && defined(__FMA__)
typedef __m256 F;
typedef __m256d D;
typedef __m256i I;
#define F_SET _mm256_set1_ps
#define D_SET _mm256_set1_pd
#define I_SET8 _mm256_set1_epi8
#define I_ZERO _mm256_setzero_si256
#define F_FMA _mm256_fmadd_ps
#define D_FMA _mm256_fmadd_pd
#else
#define NOTHING
#endif

#define STUB(name)                                                                                 \
    double name##_peak(long repeats) { return 0.0 * repeats; }                                     \
    long name##_operations(void) { return 0; }

/* `vector`s of `lane`s; `step` adds one product of a and b to sum[i]; `products` of them in a step. */
#define PEAK(name, vector, lane, zero, a_is, b_is, step, products)                                 \
    double name##_peak(long repeats) {                                                             \
        vector sum[SUMS], a = a_is, b = b_is;                                                      \
        for (int i = 0; i < SUMS; i++) sum[i] = zero;                                              \
        for (long r = 0; r < repeats; r++) {                                                       \
            _Pragma("GCC unroll 12") for (int i = 0; i < SUMS; i++) { step; }                      \
        }                                                                                          \
        double total = 0;                                                                          \
        for (int i = 0; i < SUMS; i++) {                                                           \
            lane lanes[sizeof(vector) / sizeof(lane)];                                             \
            __builtin_memcpy(lanes, &sum[i], sizeof(vector));                                      \
            for (unsigned j = 0; j < sizeof(vector) / sizeof(lane); j++) total += lanes[j];        \
        }                                                                                          \
        return total;                                                                              \
    }                                                                                              \
    long name##_operations(void) { return 2L * SUMS * (products); }

#ifdef NOTHING
STUB(fp32) STUB(fp64) STUB(int8) STUB(bf16)
#else
PEAK(fp32, F, float, F_SET(0), F_SET(1), F_SET(2), sum[i] = F_FMA(a, b, sum[i]), sizeof(F) / 4)
PEAK(fp64, D, double, D_SET(0), D_SET(1), D_SET(2), sum[i] = D_FMA(a, b, sum[i]), sizeof(D) / 8)

#if defined(__AVX512VNNI__)
PEAK(int8, I, int32_t, I_ZERO(), I_SET8(1), I_SET8(2), sum[i] = _mm512_dpbusd_epi32(sum[i], a, b), sizeof(I))
#elif defined(__AVXVNNI__)
PEAK(int8, I, int32_t, I_ZERO(), I_SET8(1), I_SET8(2), sum[i] = _mm256_dpbusd_avx_epi32(sum[i], a, b), sizeof(I))
#elif defined(__AVX512BW__)
PEAK(int8, I, int32_t, I_ZERO(), I_SET8(1), I_SET8(2),
     VARIES(a); sum[i] = _mm512_add_epi32(sum[i], _mm512_madd_epi16(_mm512_maddubs_epi16(a, b), _mm512_set1_epi16(1))),
     sizeof(I))
#elif !defined(__AVX512F__)
PEAK(int8, I, int32_t, I_ZERO(), I_SET8(1), I_SET8(2),
     VARIES(a); sum[i] = _mm256_add_epi32(sum[i], _mm256_madd_epi16(_mm256_maddubs_epi16(a, b), _mm256_set1_epi16(1))),
     sizeof(I))
#else
STUB(int8)
#endif

#if defined(__AVX512BF16__)
/* 0x3F80 is 1 in bf16, 0x4000 is 2 */
PEAK(bf16, __m512, float, F_SET(0), _mm512_set1_epi16(0x3F80), _mm512_set1_epi16(0x4000),
     sum[i] = _mm512_dpbf16_ps(sum[i], (__m512bh)a, (__m512bh)b), 32)
#else
STUB(bf16)
#endif
#endif
