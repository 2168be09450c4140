// Runs a body once for every index: as a grid-stride kernel where nvcc compiles, as a loop where a
// C++ compiler does. The loop is how the tests prove the kernels' arithmetic without a GPU.
#pragma once

#include <cstdint>

#ifdef __CUDACC__

#include <cuda_fp16.h>
#include <cuda_runtime.h>

#define HOST_DEVICE __host__ __device__
#define UNROLL _Pragma("unroll")

using float16 = __half;

template <class Index, class Body>
__global__ void run_body(Index count, Body body) {
    const Index step = Index(gridDim.x) * blockDim.x;
    for (Index i = Index(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += step) body(i);
}

// Returns what went wrong, or null.
template <class Index, class Body>
const char* for_each(Index count, Body body, void* stream) {
    const int64_t threads = 256, most_blocks = 1 << 16;  // beyond them a thread takes several turns
    const int64_t blocks = (count + threads - 1) / threads;
    if (count == 0) return nullptr;
    run_body<<<blocks < most_blocks ? blocks : most_blocks, threads, 0, cudaStream_t(stream)>>>(
        count, body);
    const cudaError_t error = cudaGetLastError();
    return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

#else

#define HOST_DEVICE
#define UNROLL

using float16 = _Float16;

template <class Index, class Body>
const char* for_each(Index count, Body body, void*) {
    for (Index i = 0; i < count; ++i) body(i);
    return nullptr;
}

#endif

// Values that are read and written as one.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
    T values[N];
};

constexpr int PACK_BYTES = 16;  // the widest access a GPU thread has

inline bool is_aligned(const void* pointer) { return uintptr_t(pointer) % PACK_BYTES == 0; }

// Whether 32-bit indices reach every element; with room for one step of a grid beyond the last.
inline bool fits_32_bits(int64_t count) { return count < (int64_t(1) << 30); }
