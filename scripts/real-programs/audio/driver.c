// driver FILE ROUNDS: decodes a WAV, FLAC, MP3 or Vorbis file, resamples it with a
// low-pass filter, runs it through an equalizer and a limiter, converts it to three
// formats, and prints what every stage gave.
#define STB_VORBIS_HEADER_ONLY
#include "stb_vorbis.c"
#define MA_NO_DEVICE_IO
#define MA_NO_THREADING
#define MA_NO_RESOURCE_MANAGER
#define MA_NO_NODE_GRAPH
#define MA_NO_ENGINE
#define MA_NO_RUNTIME_LINKING
#define MINIAUDIO_IMPLEMENTATION
#include "miniaudio.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define CHANNELS 2
#define RATE 48000
#define CHUNK 4096

static uint64_t hash = 0xcbf29ce484222325;
static void mix_in(const void *data, size_t size) {
  const uint8_t *bytes = data;
  for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
}

static int fail(const char *what, ma_result result) {
  printf("%s: %s\n", what, ma_result_description(result));
  return 1;
}

// Loud samples are bent instead of cut; gains ramp, so that the loop is no constant.
static void limit(float *samples, size_t count, float gain) {
  for (size_t i = 0; i < count; i++) {
    float x = samples[i] * gain;
    x = x > 1.5f ? 1.5f : x < -1.5f ? -1.5f : x;
    samples[i] = x - x * x * x * (4.0f / 27.0f);
  }
}

static int play(const char *path, int round) {
  ma_decoder_config config = ma_decoder_config_init(ma_format_f32, CHANNELS, RATE - (ma_uint32)round * 4410);
  config.resampling.linear.lpfOrder = 4;
  ma_decoder decoder;
  ma_result result = ma_decoder_init_file(path, &config, &decoder);
  if (result != MA_SUCCESS) return fail(path, result);

  ma_peak2_config peak = ma_peak2_config_init(ma_format_f32, CHANNELS, RATE, 4.0, 0.7, 1500.0);
  ma_loshelf2_config low = ma_loshelf2_config_init(ma_format_f32, CHANNELS, RATE, 3.0, 1.0, 200.0);
  ma_peak2 peak_filter;
  ma_loshelf2 low_filter;
  ma_peak2_init(&peak, NULL, &peak_filter);
  ma_loshelf2_init(&low, NULL, &low_filter);

  static float samples[CHUNK * CHANNELS], planes[CHANNELS][CHUNK];
  static int16_t narrow[CHUNK * CHANNELS];
  static uint8_t packed[CHUNK * CHANNELS * 3];
  ma_uint64 frames = 0, read;
  double energy[CHANNELS] = {0};
  while (ma_decoder_read_pcm_frames(&decoder, samples, CHUNK, &read) == MA_SUCCESS && read > 0) {
    size_t count = (size_t)read * CHANNELS;
    mix_in(samples, count * sizeof(float));
    ma_peak2_process_pcm_frames(&peak_filter, samples, samples, read);
    ma_loshelf2_process_pcm_frames(&low_filter, samples, samples, read);
    limit(samples, count, 1.0f + (float)(frames % 97) / 97.0f);
    ma_pcm_convert(narrow, ma_format_s16, samples, ma_format_f32, count, ma_dither_mode_none);
    ma_pcm_convert(packed, ma_format_s24, samples, ma_format_f32, count, ma_dither_mode_none);
    void *outputs[CHANNELS] = {planes[0], planes[1]};
    ma_deinterleave_pcm_frames(ma_format_f32, CHANNELS, read, samples, outputs);
    for (int channel = 0; channel < CHANNELS; channel++)
      for (size_t i = 0; i < read; i++) energy[channel] += planes[channel][i] * planes[channel][i];
    mix_in(narrow, count * 2), mix_in(packed, count * 3);
    frames += read;
  }
  ma_decoder_uninit(&decoder);
  printf("%s at %d: %llu frames, energy %.9g %.9g, hash %016llx\n", path, RATE - round * 4410, frames,
         energy[0], energy[1], (unsigned long long)hash);
  return frames == 0;
}

int main(int count, char **arguments) {
  int rounds = atoi(arguments[1]), failed = 0;
  for (int round = 0; round < rounds; round++)
    for (int i = 2; i < count; i++) failed |= play(arguments[i], round);
  return failed;
}

#undef STB_VORBIS_HEADER_ONLY
#include "stb_vorbis.c"
