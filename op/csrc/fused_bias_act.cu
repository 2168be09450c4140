// Noise, bias, leaky ReLU, gain and clamp in one pass over memory, and its gradient.
#include "for_each.h"
#include "operators.h"

namespace {

// N neighbouring values of x. They share a channel (pixels of one channel) or, with CHANNELS_LAST,
// a pixel (channels of one pixel): N divides the row that they lie in.
template <class T, int N, bool CHANNELS_LAST, class Index>
struct Forward {
    const Pack<T, N>* x;
    const float* bias;
    const float* noise;
    Pack<T, N>* y;
    Index channels, pixels, noise_batch;
    float negative_slope, gain, clamp;

    HOST_DEVICE void operator()(Index i) const {
        const Index row_length = CHANNELS_LAST ? channels : pixels;
        const Index rows = CHANNELS_LAST ? pixels : channels;  // of one item of the batch
        const Index row = i * N / row_length, column = i * N - row * row_length;
        const float* item_bias = nullptr;
        const float* item_noise = nullptr;
        if (bias) item_bias = bias + (CHANNELS_LAST ? column : row % rows);
        if (noise) {
            const Index item = noise_batch == 1 ? 0 : row / rows;
            item_noise = noise + item * pixels + (CHANNELS_LAST ? row % rows : column);
        }
        Pack<T, N> pack = x[i];
        UNROLL for (int k = 0; k < N; ++k) {
            float value = float(pack.values[k]);
            if (noise) value += item_noise[CHANNELS_LAST ? 0 : k];
            if (bias) value += item_bias[CHANNELS_LAST ? k : 0];
            value *= value < 0 ? negative_slope * gain : gain;
            value = value > clamp ? clamp : value < -clamp ? -clamp : value;
            pack.values[k] = T(value);
        }
        y[i] = pack;
    }
};

// The sign of y tells the branch of the leaky ReLU, its magnitude whether it was clamped.
template <class T, int N, class Index>
struct Gradient {
    const Pack<T, N>* y_gradient;
    const Pack<T, N>* y;
    Pack<T, N>* x_gradient;
    float negative_slope, gain, clamp;

    HOST_DEVICE void operator()(Index i) const {
        Pack<T, N> gradient = y_gradient[i];
        const Pack<T, N> result = y[i];
        UNROLL for (int k = 0; k < N; ++k) {
            const float value = float(result.values[k]);
            float factor = value > 0 ? gain : negative_slope * gain;
            if (value >= clamp || value <= -clamp) factor = 0;
            gradient.values[k] = T(float(gradient.values[k]) * factor);
        }
        x_gradient[i] = gradient;
    }
};

template <class T, int N, bool CHANNELS_LAST, class Index>
const char* forward(const BiasAct& s, const void* x, const float* bias, const float* noise, void* y,
                    void* stream) {
    using Values = Pack<T, N>;
    const Forward<T, N, CHANNELS_LAST, Index> body{
        static_cast<const Values*>(x), bias, s.noise_batch ? noise : nullptr,
        static_cast<Values*>(y), Index(s.channels), Index(s.pixels), Index(s.noise_batch),
        s.negative_slope, s.gain, s.clamp};
    return for_each(Index(s.batch * s.channels * s.pixels / N), body, stream);
}

template <class T, int N, class Index>
const char* forward(const BiasAct& s, const void* x, const float* bias, const float* noise, void* y,
                    void* stream) {
    return s.channels_last ? forward<T, N, true, Index>(s, x, bias, noise, y, stream)
                           : forward<T, N, false, Index>(s, x, bias, noise, y, stream);
}

template <class T>
const char* forward(const BiasAct& s, const void* x, const float* bias, const float* noise, void* y,
                    void* stream) {
    constexpr int N = PACK_BYTES / sizeof(T);
    const bool packs = (s.channels_last ? s.channels : s.pixels) % N == 0;
    if (!fits_32_bits(s.batch * s.channels * s.pixels))
        return forward<T, 1, int64_t>(s, x, bias, noise, y, stream);
    if (packs && is_aligned(x) && is_aligned(y))
        return forward<T, N, int32_t>(s, x, bias, noise, y, stream);
    return forward<T, 1, int32_t>(s, x, bias, noise, y, stream);
}

template <class T, int N>
const char* gradient(const BiasAct& s, const void* y_gradient, const void* y, void* x_gradient,
                     void* stream) {
    using Values = Pack<T, N>;
    const Gradient<T, N, int64_t> body{
        static_cast<const Values*>(y_gradient), static_cast<const Values*>(y),
        static_cast<Values*>(x_gradient), s.negative_slope, s.gain, s.clamp};
    return for_each(s.batch * s.channels * s.pixels / N, body, stream);
}

template <class T>
const char* gradient(const BiasAct& s, const void* y_gradient, const void* y, void* x_gradient,
                     void* stream) {
    constexpr int N = PACK_BYTES / sizeof(T);
    const bool packs = s.batch * s.channels * s.pixels % N == 0;
    if (packs && is_aligned(y_gradient) && is_aligned(y) && is_aligned(x_gradient))
        return gradient<T, N>(s, y_gradient, y, x_gradient, stream);
    return gradient<T, 1>(s, y_gradient, y, x_gradient, stream);
}

}  // namespace

const char* fused_bias_act(const BiasAct* shape, const void* x, const float* bias,
                           const float* noise, void* y, void* stream) {
    return shape->data_type == FLOAT16 ? forward<float16>(*shape, x, bias, noise, y, stream)
                                       : forward<float>(*shape, x, bias, noise, y, stream);
}

const char* fused_bias_act_gradient(const BiasAct* shape, const void* y_gradient, const void* y,
                                    void* x_gradient, void* stream) {
    return shape->data_type == FLOAT16
               ? gradient<float16>(*shape, y_gradient, y, x_gradient, stream)
               : gradient<float>(*shape, y_gradient, y, x_gradient, stream);
}
