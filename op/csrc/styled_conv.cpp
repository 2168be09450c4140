// StyleGAN2's styled 3x3 convolution for CPUs: float32, NHWC, a C function over raw pointers.
// op/cpu_library.py calls it.
//
// The convolution is Winograd's F(6x6, 3x3) (Lavin and Gray 2016): an input tile of 8x8 pixels is
// brought to 64 points, the channels are mixed by one matrix product a point, and 64 points give
// 6x6 outputs. The style rides on the first of these steps and all that follows the convolution on
// the last one, so a picture is read once and written once. An up-convolution (stride 2 transposed,
// then the [1, 3, 3, 1] blur) is four convolutions, one for each parity of the output's row and
// column: its phases. Their weights have the blur folded in, and they share the transformed input.
//
// Vectors are the compiler's own (GCC and clang), as wide as the CPU compiled for has them: no
// instruction set is needed. No sum depends on how the work is shared out, so neither do results.
#include <omp.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <vector>

#define INLINE inline __attribute__((always_inline))

namespace {

using Index = std::ptrdiff_t;

#if defined(__AVX512F__)
constexpr int LANES = 16;
#elif defined(__AVX__)
constexpr int LANES = 8;
#else
constexpr int LANES = 4;
#endif

#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int ROWS = 12;  // of a product at once: 2 ROWS + 3 of 32 registers
#else
constexpr int ROWS = 6;  // 2 ROWS + 3 of 16 registers
#endif
constexpr int LAST_ROWS = ROWS / 3;  // for the remainder

constexpr int OUT = 6, IN = OUT + 2, POINTS = IN * IN;  // sides of output and input tiles
constexpr int TILES = 48;            // of a block: enough for weights to be used often once read
constexpr int PANEL = 2 * LANES;     // output channels whose weights lie together
constexpr int PANELS_AT_ONCE = 2;    // so that their products still are in L2 when transformed
constexpr int PREFETCH_TILES = 3;    // how far ahead pixels are fetched
constexpr int STAGGER = 16;          // floats; keeps the points of a tile off the same cache sets
constexpr int ITEMS_PER_THREAD = 4;  // at least, so that threads end at about the same time

static_assert(TILES % ROWS == 0 && ROWS % LAST_ROWS == 0, "rows beyond a block do not exist");

typedef float Vec __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

INLINE Vec load(const float* p) { return *reinterpret_cast<const Vec*>(p); }

INLINE void store(float* p, Vec v) { *reinterpret_cast<Vec*>(p) = v; }

// The first lanes, zero beyond them; count may exceed LANES.
INLINE Vec load_first(const float* p, int count) {
    if (count >= LANES) return load(p);
    Vec v = {};
    std::memcpy(&v, p, count * sizeof(float));
    return v;
}

INLINE void store_first(float* p, Vec v, int count) {
    if (count >= LANES)
        store(p, v);
    else
        std::memcpy(p, &v, count * sizeof(float));
}

int ceil_div(int value, int divisor) { return (value + divisor - 1) / divisor; }

// One dimension of the input's transform to the points 0, ±1, ±2, ±1/2 and infinity, in place.
INLINE void transform_input(Vec* d) {
    const Vec d1 = d[1], d2 = d[2], d3 = d[3], d4 = d[4], d5 = d[5], d6 = d[6];
    d[0] = d[0] - d6 + 5.25f * (d4 - d2);
    d[7] = d[7] - d1 + 5.25f * (d3 - d5);
    Vec even = d2 - 4.25f * d4 + d6, odd = d1 - 4.25f * d3 + d5;
    d[1] = even + odd;
    d[2] = even - odd;
    even = 0.25f * d2 - 1.25f * d4 + d6, odd = 0.5f * d1 - 2.5f * d3 + 2.0f * d5;
    d[3] = even + odd;
    d[4] = even - odd;
    even = 4.0f * d2 - 5.0f * d4 + d6, odd = 2.0f * d1 - 2.5f * d3 + 0.5f * d5;
    d[5] = even + odd;
    d[6] = even - odd;
}

// One dimension of the way back, in place: from IN points to OUT outputs.
INLINE void transform_output(Vec* m) {
    const Vec even1 = m[1] + m[2], even2 = m[3] + m[4], even3 = m[5] + m[6];
    const Vec odd1 = m[1] - m[2], odd2 = m[3] - m[4], odd3 = m[5] - m[6];
    m[0] = m[0] + even1 + even2 + 32.0f * even3;
    m[1] = odd1 + 2.0f * odd2 + 16.0f * odd3;
    m[2] = even1 + 4.0f * even2 + 8.0f * even3;
    m[3] = odd1 + 8.0f * odd2 + 4.0f * odd3;
    m[4] = even1 + 16.0f * even2 + 2.0f * even3;
    m[5] = odd1 + 32.0f * odd2 + odd3 + m[7];
}

// products [R, PANEL] = points [R, depth] · weights [depth, PANEL], strides in floats. What is
// wanted next, as much again as weights, is fetched meanwhile if it is given.
template <int R>
void multiply(const float* points, Index point_stride, const float* weights, int depth,
              float* products, Index product_stride, const float* next) {
    Vec sums[R][2] = {};
    for (Index k = 0; k < depth; ++k) {
        const Vec left = load(weights + k * PANEL), right = load(weights + k * PANEL + LANES);
        if (next) {
            __builtin_prefetch(next + k * PANEL, 0, 2);
            __builtin_prefetch(next + k * PANEL + LANES, 0, 2);
        }
#pragma GCC unroll 12
        for (int r = 0; r < R; ++r) {
            const float value = points[r * point_stride + k];
            sums[r][0] += value * left;
            sums[r][1] += value * right;
        }
    }
#pragma GCC unroll 12
    for (int r = 0; r < R; ++r) {
        store(products + r * product_stride, sums[r][0]);
        store(products + r * product_stride + LANES, sums[r][1]);
    }
}

}  // namespace

extern "C" struct StyledConv {
    int32_t height, width;  // of x
    int32_t in_channels, out_channels;
    int32_t up;                 // 1: y has twice the height and width
    const float* x;             // [height, width, in_channels]
    const float* weights;       // [panels of channels, phases, POINTS, in_channels, PANEL]
    const float* style;         // [in_channels]
    const float* demodulation;  // [out_channels]
    const float* noise;         // [height of y, width of y], or null
    const float* bias;          // [out_channels]
    float negative_slope, gain;
    float* y;  // [height of y, width of y, out_channels]
};

namespace {

// One convolution: its tiles in blocks, its output channels, phase by phase, in panels.
class Work {
  public:
    explicit Work(const StyledConv& layer)
        : layer_(layer), columns_(ceil_div(layer.width, OUT)),
          tiles_(ceil_div(layer.height, OUT) * columns_), blocks_(ceil_div(tiles_, TILES)),
          phases_(layer.up ? 4 : 1), panels_(ceil_div(layer.out_channels, PANEL) * phases_),
          depth_(ceil_div(layer.in_channels, LANES) * LANES),
          point_stride_(TILES * depth_ + STAGGER), outside_(layer.in_channels) {}

    void run(int threads);

  private:
    // strides in floats from one tile and from one point to the next
    static constexpr Index TILE_STRIDE = PANELS_AT_ONCE * PANEL;  // of products; depth_ of points
    static constexpr Index PRODUCT_STRIDE = TILES * TILE_STRIDE + STAGGER;

    void run_item(int block, int first_panel, int end_panel, float* points, float* products) const;
    void read_tile(int tile, float* points) const;
    void multiply_tiles(int tiles, const float* points, const float* weights, float* products,
                        const float* next) const;
    void write_tile(int tile, int panel, const float* products) const;

    const float* weights_of(int panel, int point) const {
        return layer_.weights + (Index(panel) * POINTS + point) * layer_.in_channels * PANEL;
    }

    const StyledConv& layer_;
    const int columns_, tiles_, blocks_, phases_, panels_;
    const Index depth_, point_stride_;
    const std::vector<float> outside_;  // a pixel beyond the border: zeros
};

// Threads take items until none is left. An item is a block and, where blocks are few, only some of
// the panels: its input is then transformed more than once, which costs little beside the products.
// torch has made its OpenMP the whole process's, so these are torch's threads: others beside them
// would wait for work on the same cores.
void Work::run(int threads) {
    const int groups = ceil_div(panels_, PANELS_AT_ONCE);
    const int wanted = threads > 1 ? ITEMS_PER_THREAD * threads : 1;
    const int slices = std::min(groups, ceil_div(wanted, blocks_));
    const int items = blocks_ * slices;
    const Index floats = POINTS * (point_stride_ + PRODUCT_STRIDE);  // of a thread
    const std::unique_ptr<float[]> memory(new float[threads * floats + LANES]);
    const Index misaligned = reinterpret_cast<uintptr_t>(memory.get()) / sizeof(float) % LANES;
    float* const scratch = memory.get() + (LANES - misaligned) % LANES;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (int item = 0; item < items; ++item) {
        const int slice = item % slices;
        const int first_panel = groups * slice / slices * PANELS_AT_ONCE;
        const int end_panel = groups * (slice + 1) / slices * PANELS_AT_ONCE;
        float* const points = scratch + omp_get_thread_num() * floats;
        run_item(item / slices, first_panel, std::min(end_panel, panels_), points,
                 points + POINTS * point_stride_);
    }
}

void Work::run_item(int block, int first_panel, int end_panel, float* points,
                    float* products) const {
    const int first_tile = block * TILES, tiles = std::min(TILES, tiles_ - first_tile);
    for (int t = 0; t < tiles; ++t) read_tile(first_tile + t, points + t * depth_);
    for (int panel = first_panel; panel < end_panel; panel += PANELS_AT_ONCE) {
        const int count = std::min(PANELS_AT_ONCE, end_panel - panel);
        for (int point = 0; point < POINTS; ++point)
            for (int p = 0; p < count; ++p) {
                const bool last = p + 1 == count;
                const float* next = weights_of(last ? panel : panel + p + 1, point + last);
                multiply_tiles(tiles, points + point * point_stride_, weights_of(panel + p, point),
                               products + point * PRODUCT_STRIDE + p * PANEL, next);
            }
        for (int t = 0; t < tiles; ++t)
            for (int p = 0; p < count; ++p)
                write_tile(first_tile + t, panel + p, products + t * TILE_STRIDE + p * PANEL);
    }
}

void Work::read_tile(int tile, float* points) const {
    const int height = layer_.height, width = layer_.width, channels = layer_.in_channels;
    const int top = tile / columns_ * OUT - 1, left = tile % columns_ * OUT - 1;
    const float* pixels[POINTS];
    for (int r = 0; r < IN; ++r)
        for (int c = 0; c < IN; ++c) {
            const int row = top + r, column = left + c;
            const bool inside = row >= 0 && row < height && column >= 0 && column < width;
            const Index pixel = Index(row) * width + column;
            pixels[r * IN + c] = inside ? layer_.x + pixel * channels : outside_.data();
        }
    for (int channel = 0; channel < channels; channel += LANES) {
        const int count = channels - channel;
        const Vec style = load_first(layer_.style + channel, count);
        Vec half[POINTS];
        for (int c = 0; c < IN; ++c) {
            Vec d[IN];
#pragma GCC unroll 8
            for (int r = 0; r < IN; ++r) {
                const float* pixel = pixels[r * IN + c] + channel;
                d[r] = load_first(pixel, count) * style;
                // the tiles' common columns are fetched by one of them
                if (c > 0 && c <= OUT) __builtin_prefetch(pixel + PREFETCH_TILES * OUT * channels);
            }
            transform_input(d);
#pragma GCC unroll 8
            for (int r = 0; r < IN; ++r) half[r * IN + c] = d[r];
        }
        for (int r = 0; r < IN; ++r) {
            Vec d[IN];
#pragma GCC unroll 8
            for (int c = 0; c < IN; ++c) d[c] = half[r * IN + c];
            transform_input(d);
#pragma GCC unroll 8
            for (int c = 0; c < IN; ++c)
                store(points + (r * IN + c) * point_stride_ + channel, d[c]);
        }
    }
}

void Work::multiply_tiles(int tiles, const float* points, const float* weights, float* products,
                          const float* next) const {
    int t = 0;
    for (; t + ROWS <= tiles; t += ROWS)
        multiply<ROWS>(points + t * depth_, depth_, weights, layer_.in_channels,
                       products + t * TILE_STRIDE, TILE_STRIDE, t == 0 ? next : nullptr);
    for (; t < tiles; t += LAST_ROWS)  // goes beyond the last tile, into rows that nobody reads
        multiply<LAST_ROWS>(points + t * depth_, depth_, weights, layer_.in_channels,
                            products + t * TILE_STRIDE, TILE_STRIDE, nullptr);
}

void Work::write_tile(int tile, int panel, const float* products) const {
    const int step = layer_.up ? 2 : 1, y_width = step * layer_.width;
    const int phase = panel % phases_, phase_row = phase / 2, phase_column = phase % 2;
    const int top = tile / columns_ * OUT, left = tile % columns_ * OUT;
    const int rows = std::min(OUT, layer_.height - top);
    const int columns = std::min(OUT, layer_.width - left);
    const int first_channel = panel / phases_ * PANEL;
    const int end_channel = std::min(first_channel + PANEL, layer_.out_channels);
    for (int channel = first_channel; channel < end_channel; channel += LANES, products += LANES) {
        const int count = end_channel - channel;
        const Vec demodulation = load_first(layer_.demodulation + channel, count);
        const Vec bias = load_first(layer_.bias + channel, count);
        Vec half[OUT * IN];
        for (int c = 0; c < IN; ++c) {
            Vec m[IN];
#pragma GCC unroll 8
            for (int r = 0; r < IN; ++r) m[r] = load(products + (r * IN + c) * PRODUCT_STRIDE);
            transform_output(m);
#pragma GCC unroll 8
            for (int r = 0; r < OUT; ++r) half[r * IN + c] = m[r];
        }
        for (int r = 0; r < rows; ++r) {
            Vec m[IN];
#pragma GCC unroll 8
            for (int c = 0; c < IN; ++c) m[c] = half[r * IN + c];
            transform_output(m);
            const Index row = step * (top + r) + phase_row;
            Index pixel = row * y_width + step * left + phase_column;
#pragma GCC unroll 8
            for (int c = 0; c < OUT; ++c, pixel += step) {
                if (c == columns) break;
                Vec v = m[c] * demodulation + bias;
                if (layer_.noise) v += layer_.noise[pixel];
                v = (v > 0 ? v : v * layer_.negative_slope) * layer_.gain;
                store_first(layer_.y + pixel * layer_.out_channels + channel, v, count);
            }
        }
    }
}

}  // namespace

extern "C" {

// Output channels whose weights lie together: 2 vectors of the CPU compiled for.
int32_t styled_conv_panel() { return PANEL; }

// y = gain * leaky_relu(conv3x3(x * style) * demodulation + noise + bias). Returns null, or a line
// on what went wrong.
const char* styled_conv(const StyledConv* layer, int32_t threads) {
    try {
        Work(*layer).run(threads);
        return nullptr;
    } catch (const std::bad_alloc&) {
        return "out of memory";
    }
}

}  // extern "C"
