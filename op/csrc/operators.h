// StyleGAN2's operators: C functions over raw device pointers. op/cuda_library.py calls them.
//
// All return null, or a line on what went wrong. Tensors are dense; with channels_last the channels
// lie next to each other, as in torch.channels_last, otherwise the pixels of a channel do.
#pragma once

#include <cstdint>

extern "C" {

enum DataType { FLOAT32 = 0, FLOAT16 = 1 };

struct BiasAct {
    int64_t batch, channels, pixels;  // pixels: of one channel of one item
    int64_t noise_batch;              // 1 or batch; 0 without noise
    int32_t data_type, channels_last;
    float negative_slope, gain;
    float clamp;  // largest magnitude of the result; NaN for no limit
};

// y = clamp(gain * leaky_relu(x + noise + bias)); bias [channels] and noise [noise_batch, pixels]
// are float32, bias may be null.
const char* fused_bias_act(const BiasAct* shape, const void* x, const float* bias,
                           const float* noise, void* y, void* stream);

// The gradient with regard to x from the one with regard to y and from y itself; it is linear in
// the former and its own derivative.
const char* fused_bias_act_gradient(const BiasAct* shape, const void* y_gradient, const void* y,
                                    void* x_gradient, void* stream);

struct UpFirDn {
    int64_t batch, channels;
    int64_t height, width, out_height, out_width;
    int64_t up_y, up_x, down_y, down_x;
    int64_t pad_y, pad_x;  // before the first row and column; negative crops
    int64_t taps_y, taps_x;
    int32_t data_type, channels_last;
};

// Zero insertion, padding, convolution with taps [taps_y, taps_x] (float32), decimation.
const char* upfirdn2d(const UpFirDn* shape, const void* x, const float* taps, void* y,
                      void* stream);
}
