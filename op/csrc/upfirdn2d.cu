// Zero insertion, padding, FIR filter and decimation in one pass over memory.
//
// No shared memory: neighbouring outputs read the same few inputs, which the L1 cache holds.
#include "for_each.h"
#include "operators.h"

namespace {

HOST_DEVICE constexpr int32_t ceil_div(int32_t a, int32_t b) {
    return a > 0 ? (a + b - 1) / b : -(-a / b);
}

// Along one axis, the samples of x under the filter at one output. Of the upsampled x only every
// up-th value is not zero; `first` is the first sample at or after the filter's beginning.
struct Window {
    int32_t first, first_tap;

    // The filter is turned round, as in a convolution: its last tap meets the first sample.
    HOST_DEVICE Window(int32_t out, int32_t up, int32_t down, int32_t pad, int32_t taps) {
        const int32_t begin = out * down - pad;
        first = ceil_div(begin, up);
        first_tap = taps - 1 - (first * up - begin);
    }
};

// N neighbouring outputs: channels of one pixel with CHANNELS_LAST, otherwise one pixel (N = 1).
// UP, DOWN and TAPS, the same along both axes, let the compiler unroll; 0 if not known in advance.
template <class T, int N, bool CHANNELS_LAST, int UP, int DOWN, int TAPS, class Index>
struct Filter {
    const Pack<T, N>* x;
    const float* taps;
    Pack<T, N>* y;
    Index packs;  // of a pixel; 1 if not CHANNELS_LAST
    int32_t height, width, out_height, out_width;
    int32_t up_y, up_x, down_y, down_x, pad_y, pad_x, taps_y, taps_x;

    HOST_DEVICE void operator()(Index i) const {
        const int32_t uy = UP ? UP : up_y, ux = UP ? UP : up_x;
        const int32_t dy = DOWN ? DOWN : down_y, dx = DOWN ? DOWN : down_x;
        const int32_t ky = TAPS ? TAPS : taps_y, kx = TAPS ? TAPS : taps_x;
        const Index pixel = CHANNELS_LAST ? i / packs : i, row = pixel / out_width;
        const Index plane = row / out_height;  // an item of the batch, or a channel of one
        const Window down_rows(int32_t(row - plane * out_height), uy, dy, pad_y, ky);
        const Window along_row(int32_t(pixel - row * out_width), ux, dx, pad_x, kx);
        const Pack<T, N>* x_plane = x + plane * height * width * (CHANNELS_LAST ? packs : 1);
        if (CHANNELS_LAST) x_plane += i - pixel * packs;

        float sums[N] = {};
        UNROLL for (int32_t r = 0; r < (ky + uy - 1) / uy; ++r) {
            const int32_t iy = down_rows.first + r, tap_y = down_rows.first_tap - r * uy;
            if (tap_y < 0 || iy < 0 || iy >= height) continue;
            UNROLL for (int32_t c = 0; c < (kx + ux - 1) / ux; ++c) {
                const int32_t ix = along_row.first + c, tap_x = along_row.first_tap - c * ux;
                if (tap_x < 0 || ix < 0 || ix >= width) continue;
                const float tap = taps[tap_y * kx + tap_x];
                const Index sample = Index(iy) * width + ix;
                const Pack<T, N> pack = x_plane[CHANNELS_LAST ? sample * packs : sample];
                UNROLL for (int k = 0; k < N; ++k) sums[k] += tap * float(pack.values[k]);
            }
        }
        Pack<T, N> result;
        UNROLL for (int k = 0; k < N; ++k) result.values[k] = T(sums[k]);
        y[i] = result;
    }
};

template <class T, int N, bool CHANNELS_LAST, int UP, int DOWN, int TAPS, class Index>
const char* filter(const UpFirDn& s, const void* x, const float* taps, void* y, void* stream) {
    using Values = Pack<T, N>;
    const Filter<T, N, CHANNELS_LAST, UP, DOWN, TAPS, Index> body{
        static_cast<const Values*>(x),
        taps,
        static_cast<Values*>(y),
        Index(CHANNELS_LAST ? s.channels / N : 1),
        int32_t(s.height), int32_t(s.width), int32_t(s.out_height), int32_t(s.out_width),
        int32_t(s.up_y), int32_t(s.up_x), int32_t(s.down_y), int32_t(s.down_x),
        int32_t(s.pad_y), int32_t(s.pad_x), int32_t(s.taps_y), int32_t(s.taps_x)};
    const Index count = Index(s.batch * s.channels / N * s.out_height * s.out_width);
    return for_each(count, body, stream);
}

template <class T, int UP, int DOWN, int TAPS, class Index>
const char* filter(const UpFirDn& s, const void* x, const float* taps, void* y, void* stream) {
    constexpr int N = PACK_BYTES / sizeof(T);
    if (!s.channels_last) return filter<T, 1, false, UP, DOWN, TAPS, Index>(s, x, taps, y, stream);
    if (s.channels % N == 0 && is_aligned(x) && is_aligned(y))
        return filter<T, N, true, UP, DOWN, TAPS, Index>(s, x, taps, y, stream);
    return filter<T, 1, true, UP, DOWN, TAPS, Index>(s, x, taps, y, stream);
}

template <class T>
const char* filter(const UpFirDn& s, const void* x, const float* taps, void* y, void* stream) {
    const int64_t planes = s.batch * s.channels;
    if (!fits_32_bits(planes * s.height * s.width) ||
        !fits_32_bits(planes * s.out_height * s.out_width))
        return filter<T, 0, 0, 0, int64_t>(s, x, taps, y, stream);
    const auto is = [&s](int64_t up, int64_t down, int64_t size) {
        return s.up_y == up && s.up_x == up && s.down_y == down && s.down_x == down &&
               s.taps_y == size && s.taps_x == size;
    };
    // what a generator does, and what its gradients do
    if (is(1, 1, 4)) return filter<T, 1, 1, 4, int32_t>(s, x, taps, y, stream);
    if (is(2, 1, 4)) return filter<T, 2, 1, 4, int32_t>(s, x, taps, y, stream);
    if (is(1, 2, 4)) return filter<T, 1, 2, 4, int32_t>(s, x, taps, y, stream);
    return filter<T, 0, 0, 0, int32_t>(s, x, taps, y, stream);
}

}  // namespace

const char* upfirdn2d(const UpFirDn* shape, const void* x, const float* taps, void* y,
                      void* stream) {
    return shape->data_type == FLOAT16 ? filter<float16>(*shape, x, taps, y, stream)
                                       : filter<float>(*shape, x, taps, y, stream);
}
