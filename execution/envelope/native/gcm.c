/*
 * AES-GCM for one message per call (NIST SP 800-38D), by the OpenSSL that the running Node.js brings along. Node's own
 * createCipheriv makes objects, a context and copies of the key for each message, which costs more than thirty times
 * what the encryption of a data key does.
 *
 * Keys are not kept here. They lie in the caller's locked memory (arena.ts); a context holds the schedule of one for the
 * length of one call and is then overwritten with that of a key of zeros (D3). Only what `sealAt`, `sealEach` and `openAt`
 * have set up stays for the next message under the same key, until the event loop is about to wait for what comes next.
 *
 * Nothing in here allocates, blocks or calls back. Whatever JavaScript passes is checked before OpenSSL sees it.
 */
#include <limits.h>
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * Of OpenSSL's headers, which no package brings: only what is called below. These symbols are part of OpenSSL's stable
 * interface since 1.1.0, and Node.js exports them for addons.
 */
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
extern const EVP_CIPHER *EVP_aes_128_gcm(void);
extern const EVP_CIPHER *EVP_aes_192_gcm(void);
extern const EVP_CIPHER *EVP_aes_256_gcm(void);
extern EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
extern void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *);
extern int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *, int, int, void *);
extern int EVP_CipherInit_ex(EVP_CIPHER_CTX *, const EVP_CIPHER *, void *, const unsigned char *,
                             const unsigned char *, int);
extern int EVP_CipherUpdate(EVP_CIPHER_CTX *, unsigned char *, int *, const unsigned char *, int);
extern int EVP_CipherFinal_ex(EVP_CIPHER_CTX *, unsigned char *, int *);
extern void OPENSSL_cleanse(void *, size_t);
#define CTRL_SET_IV_BYTES 0x9
#define CTRL_GET_TAG 0x10
#define CTRL_SET_TAG 0x11

/*
 * Of libuv, likewise: a callback of C's own before each wait of the event loop, for which no JavaScript runs. Handles are made in the size that libuv names, and what kind a number stands for is asked.
 */
extern size_t uv_handle_size(int);
extern const char *uv_handle_type_name(int);
extern int uv_prepare_init(void *, void *);
extern int uv_prepare_start(void *, void (*)(void *));
extern void uv_unref(void *);
extern void uv_close(void *, void (*)(void *));
extern void uv_handle_set_data(void *, void *);
extern void *uv_handle_get_data(const void *);
#define UV_PREPARE 9

/* SP 800-38D §5.2.1.2, without the short tags that bound what a forger may try. */
#define MIN_TAG_BYTES 12
#define MAX_TAG_BYTES 16
#define MAX_IV_BYTES 128
/* EVP counts in int. */
#define MAX_TEXT_BYTES ((size_t)INT_MAX - MAX_TAG_BYTES)

#define KEY_SIZES 3
#define MAX_KEY_BYTES 32
static const size_t key_bytes[KEY_SIZES] = {16, 24, 32};
static const unsigned char zeros[MAX_IV_BYTES];

#define NOTHING_HELD (-1)

/* One for each thread that loads the module, one context for each size of key. */
typedef struct {
  EVP_CIPHER_CTX *contexts[KEY_SIZES];
  /* Which context still has the schedule of `held_key`, and for how long an IV it is set. */
  int held;
  size_t held_iv_bytes;
  unsigned char held_key[MAX_KEY_BYTES];
  /* Where the next message lies: numbers that JavaScript writes and `sealAt` and `openAt` read. */
  const uint32_t *places;
  napi_ref places_kept;
} Seam;

/* What outlives a Seam: libuv gives its handle back only later. */
typedef struct {
  void *prepare;
  napi_async_cleanup_hook_handle hook;
} Watch;

typedef struct {
  const unsigned char *bytes;
  size_t length;
} View;

static void free_seam(napi_env env, void *data, void *hint) {
  (void)env;
  (void)hint;
  Seam *seam = data;
  for (int i = 0; i < KEY_SIZES; i++) EVP_CIPHER_CTX_free(seam->contexts[i]);
  OPENSSL_cleanse(seam->held_key, sizeof seam->held_key);
  free(seam);
}

static napi_value refuse(napi_env env, const char *message) {
  napi_throw_range_error(env, "OKCM_GCM_ARGUMENT", message);
  return NULL;
}

static napi_value fail(napi_env env) {
  napi_throw_error(env, "OKCM_GCM_FAILED", "OpenSSL could not do AES-GCM");
  return NULL;
}

/* A Uint8Array, a Buffer among them. One whose memory has been given away has no bytes. */
static bool read_view(napi_env env, napi_value value, View *view) {
  napi_typedarray_type type;
  void *data = NULL;
  size_t length = 0;
  /* Refuses what is no typed array at all. */
  if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok) return false;
  if (type != napi_uint8_array || (length > 0 && data == NULL)) return false;
  view->bytes = length == 0 ? zeros : data;
  view->length = length;
  return true;
}

static int size_index(size_t length) {
  for (int i = 0; i < KEY_SIZES; i++) {
    if (key_bytes[i] == length) return i;
  }
  return -1;
}

/* Sets key and IV. The IV's length comes first: it is part of what the IV means. */
static bool begin(EVP_CIPHER_CTX *context, View key, View iv, View aad, int encrypt) {
  int ignored = 0;
  return EVP_CIPHER_CTX_ctrl(context, CTRL_SET_IV_BYTES, (int)iv.length, NULL) == 1 &&
         EVP_CipherInit_ex(context, NULL, NULL, key.bytes, iv.bytes, encrypt) == 1 &&
         (aad.length == 0 || EVP_CipherUpdate(context, NULL, &ignored, aad.bytes, (int)aad.length) == 1);
}

static bool update(EVP_CIPHER_CTX *context, unsigned char *out, View text) {
  int written = 0;
  return text.length == 0 || (EVP_CipherUpdate(context, out, &written, text.bytes, (int)text.length) == 1 &&
                              (size_t)written == text.length);
}

/* Overwrites the schedule of the key that the context was used with. */
static bool forget(EVP_CIPHER_CTX *context) {
  return EVP_CIPHER_CTX_ctrl(context, CTRL_SET_IV_BYTES, MIN_TAG_BYTES, NULL) == 1 &&
         EVP_CipherInit_ex(context, NULL, NULL, zeros, zeros, 1) == 1;
}

/* Whatever `begin_held` has left. */
static bool forget_held(Seam *seam) {
  if (seam->held == NOTHING_HELD) return true;
  EVP_CIPHER_CTX *context = seam->contexts[seam->held];
  seam->held = NOTHING_HELD;
  OPENSSL_cleanse(seam->held_key, sizeof seam->held_key);
  return forget(context);
}

/* As `begin`, and leaves the schedule where it is, so that the next message under the same key need not compute it. */
static bool begin_held(Seam *seam, int size, View key, View iv, View aad, int encrypt) {
  EVP_CIPHER_CTX *context = seam->contexts[size];
  bool same = seam->held == size && seam->held_iv_bytes == iv.length &&
              memcmp(seam->held_key, key.bytes, key.length) == 0;
  if (!same) {
    if (!forget_held(seam) || EVP_CIPHER_CTX_ctrl(context, CTRL_SET_IV_BYTES, (int)iv.length, NULL) != 1) return false;
    /* Noted before it is so: whatever fails from here, `forget_held` overwrites it. */
    seam->held = size;
    seam->held_iv_bytes = iv.length;
    memcpy(seam->held_key, key.bytes, key.length);
  }
  int ignored = 0;
  return EVP_CipherInit_ex(context, NULL, NULL, same ? NULL : key.bytes, iv.bytes, encrypt) == 1 &&
         (aad.length == 0 || EVP_CipherUpdate(context, NULL, &ignored, aad.bytes, (int)aad.length) == 1);
}

/* In place is well; an output that begins elsewhere in the text would overwrite what has not been read yet. */
static bool overlaps_partly(View text, const unsigned char *out, size_t out_length) {
  uintptr_t from = (uintptr_t)text.bytes, to = (uintptr_t)out;
  return from != to && from < to + out_length && to < from + text.length;
}

typedef struct {
  EVP_CIPHER_CTX *context;
  View key, iv, aad, text, tag;
  unsigned char *out;
  size_t out_length;
} Call;

/* seal(key, iv, aad, text, out) and open(key, iv, aad, text, tag, out): what they have in common. */
static bool read_call(napi_env env, napi_callback_info info, bool with_tag, Call *call) {
  napi_value arguments[6];
  size_t wanted = with_tag ? 6 : 5;
  size_t count = 6;
  void *data = NULL;
  View out;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok ||
      napi_get_instance_data(env, &data) != napi_ok || data == NULL) {
    fail(env);
    return false;
  }
  View *const views[] = {&call->key, &call->iv, &call->aad, &call->text, with_tag ? &call->tag : &out, &out};
  for (size_t i = 0; i < wanted; i++) {
    if (count != wanted || !read_view(env, arguments[i], views[i])) {
      refuse(env, "each argument is a Uint8Array");
      return false;
    }
  }
  int size = size_index(call->key.length);
  if (size < 0) {
    refuse(env, "a key has 16, 24 or 32 bytes");
    return false;
  }
  if (call->iv.length < 1 || call->iv.length > MAX_IV_BYTES) {
    refuse(env, "an initialization vector has 1 to 128 bytes");
    return false;
  }
  if (call->text.length > MAX_TEXT_BYTES || call->aad.length > MAX_TEXT_BYTES) {
    refuse(env, "the text or the additional data are too long");
    return false;
  }
  if (overlaps_partly(call->text, out.bytes, out.length)) {
    refuse(env, "the output lies over a part of the text");
    return false;
  }
  Seam *seam = data;
  if (!forget_held(seam)) {
    fail(env);
    return false;
  }
  call->context = seam->contexts[size];
  call->out = (unsigned char *)out.bytes;
  call->out_length = out.length;
  return true;
}

/* Writes the encrypted text and then the tag; how long `out` is tells how long the tag is. */
static napi_value seal(napi_env env, napi_callback_info info) {
  Call call;
  if (!read_call(env, info, false, &call)) return NULL;
  if (call.out_length < call.text.length + MIN_TAG_BYTES || call.out_length > call.text.length + MAX_TAG_BYTES) {
    return refuse(env, "the output is 12 to 16 bytes longer than the text");
  }
  int ignored = 0;
  unsigned char *tag = call.out + call.text.length;
  bool done = begin(call.context, call.key, call.iv, call.aad, 1) && update(call.context, call.out, call.text) &&
              EVP_CipherFinal_ex(call.context, tag, &ignored) == 1 &&
              EVP_CIPHER_CTX_ctrl(call.context, CTRL_GET_TAG, (int)(call.out_length - call.text.length), tag) == 1;
  done = forget(call.context) && done;
  if (done) return NULL;
  OPENSSL_cleanse(call.out, call.out_length);
  return fail(env);
}

/* True when the message is authentic; `out` then holds its text, and zeros otherwise. */
static napi_value open_message(napi_env env, napi_callback_info info) {
  Call call;
  if (!read_call(env, info, true, &call)) return NULL;
  if (call.tag.length < MIN_TAG_BYTES || call.tag.length > MAX_TAG_BYTES) {
    return refuse(env, "a tag has 12 to 16 bytes");
  }
  if (call.out_length != call.text.length) return refuse(env, "the output is as long as the text");
  int ignored = 0;
  unsigned char tag[MAX_TAG_BYTES];
  unsigned char last[MAX_TAG_BYTES];
  memcpy(tag, call.tag.bytes, call.tag.length);
  bool begun = begin(call.context, call.key, call.iv, call.aad, 0) && update(call.context, call.out, call.text) &&
               EVP_CIPHER_CTX_ctrl(call.context, CTRL_SET_TAG, (int)call.tag.length, tag) == 1;
  /* OpenSSL compares in constant time. */
  bool authentic = begun && EVP_CipherFinal_ex(call.context, last, &ignored) == 1;
  bool done = forget(call.context) && begun;
  if (!authentic || !done) OPENSSL_cleanse(call.out, call.out_length);
  if (!done) return fail(env);
  napi_value result = NULL;
  napi_get_boolean(env, authentic, &result);
  return result;
}

/* A place inside a larger buffer, as the offsets and lengths of `sealAt` and `openAt` give it. */
static bool slice(View whole, uint32_t at, uint32_t length, View *part) {
  if (at > whole.length || length > whole.length - at) return false;
  part->bytes = length == 0 ? zeros : whole.bytes + at;
  part->length = length;
  return true;
}

/* Numbers that say where one message lies: textAt, textLength, aadAt, aadLength, outAt, ivAt, ivLength, tagAt. */
#define PLACES 8

#define MAX_AT_ARGUMENTS 5

typedef struct {
  Seam *seam;
  int size;
  View key, source, out;
} CallAt;

/* key, source and out, and, where `plan` is given, that and a count. */
static bool read_call_at(napi_env env, napi_callback_info info, CallAt *call, View *plan, uint32_t *total) {
  napi_value arguments[MAX_AT_ARGUMENTS];
  size_t count = MAX_AT_ARGUMENTS;
  void *data = NULL;
  if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok ||
      napi_get_instance_data(env, &data) != napi_ok || data == NULL) {
    fail(env);
    return false;
  }
  call->seam = data;
  bool good = count == (plan == NULL ? 3 : 5) && read_view(env, arguments[0], &call->key) &&
              read_view(env, arguments[1], &call->source) && read_view(env, arguments[2], &call->out) &&
              (plan == NULL || (read_view(env, arguments[3], plan) &&
                                napi_get_value_uint32(env, arguments[4], total) == napi_ok));
  if (!good) {
    refuse(env, "an argument is no Uint8Array or no number");
    return false;
  }
  call->size = size_index(call->key.length);
  if (call->size < 0) refuse(env, "a key has 16, 24 or 32 bytes");
  return call->size >= 0;
}

/* The places of the next message, as they are now: whoever writes them runs in this thread. */
static bool read_places(napi_env env, const Seam *seam, uint32_t *places) {
  if (seam->places == NULL) {
    refuse(env, "nobody has said where places are written");
    return false;
  }
  memcpy(places, seam->places, PLACES * sizeof *places);
  return true;
}

/* placesIn(bytes): from now on the places of the next message stand at the start of these. They are kept, and must not be
   given away to another thread: whoever calls this has them for itself. */
static napi_value places_in(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t count = 1;
  void *data = NULL;
  View bytes;
  if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok ||
      napi_get_instance_data(env, &data) != napi_ok || data == NULL) {
    return fail(env);
  }
  Seam *seam = data;
  if (count != 1 || !read_view(env, argument, &bytes) || bytes.length < PLACES * sizeof(uint32_t) ||
      (uintptr_t)bytes.bytes % sizeof(uint32_t) != 0) {
    return refuse(env, "places take a Uint8Array of 32 bytes");
  }
  if (seam->places_kept != NULL && napi_delete_reference(env, seam->places_kept) != napi_ok) return fail(env);
  seam->places = NULL;
  seam->places_kept = NULL;
  if (napi_create_reference(env, argument, 1, &seam->places_kept) != napi_ok) return fail(env);
  seam->places = (const uint32_t *)bytes.bytes;
  return NULL;
}

/*
 * Seals one message, of which `n` says where it lies: text and additional data in `source`; the IV in `out`, where the
 * encrypted text and a tag of 16 bytes are written. Returns what is wrong with the places, or NULL; `done` tells whether
 * OpenSSL did it.
 */
static const char *seal_one(Seam *seam, int size, View key, View source, View out, const uint32_t *n, bool *done) {
  View text, aad, iv, sealed, tag;
  *done = false;
  if (!slice(source, n[0], n[1], &text) || !slice(source, n[2], n[3], &aad) || !slice(out, n[4], n[1], &sealed) ||
      !slice(out, n[5], n[6], &iv) || !slice(out, n[7], MAX_TAG_BYTES, &tag)) {
    return "a place lies outside of its buffer";
  }
  if (iv.length < 1 || iv.length > MAX_IV_BYTES) return "an initialization vector has 1 to 128 bytes";
  if (text.length > MAX_TEXT_BYTES || aad.length > MAX_TEXT_BYTES) return "the text or the additional data are too long";
  if (text.length > 0 && overlaps_partly(text, sealed.bytes, sealed.length)) {
    return "the output lies over a part of the text";
  }
  EVP_CIPHER_CTX *context = seam->contexts[size];
  int ignored = 0;
  unsigned char *tag_bytes = (unsigned char *)tag.bytes;
  *done = begin_held(seam, size, key, iv, aad, 1) &&
          (text.length == 0 || update(context, (unsigned char *)sealed.bytes, text)) &&
          EVP_CipherFinal_ex(context, tag_bytes, &ignored) == 1 &&
          EVP_CIPHER_CTX_ctrl(context, CTRL_GET_TAG, MAX_TAG_BYTES, tag_bytes) == 1;
  if (!*done) {
    forget_held(seam);
    if (text.length > 0) OPENSSL_cleanse((unsigned char *)sealed.bytes, sealed.length);
  }
  return NULL;
}

/* sealAt(key, source, out): the next message, whose places stand where `placesIn` said. */
static napi_value seal_at(napi_env env, napi_callback_info info) {
  CallAt call;
  uint32_t places[PLACES];
  if (!read_call_at(env, info, &call, NULL, NULL) || !read_places(env, call.seam, places)) return NULL;
  bool done = false;
  const char *wrong = seal_one(call.seam, call.size, call.key, call.source, call.out, places, &done);
  if (wrong != NULL) return refuse(env, wrong);
  return done ? NULL : fail(env);
}

/*
 * sealEach(key, source, out, plan, count): `count` messages under one key, of which `plan`, numbers of 32 bits, says where
 * each lies. What comes before one that cannot be is sealed, what comes after it is not.
 */
static napi_value seal_each(napi_env env, napi_callback_info info) {
  CallAt call;
  View plan;
  uint32_t count = 0;
  if (!read_call_at(env, info, &call, &plan, &count)) return NULL;
  if (count > plan.length / (PLACES * sizeof(uint32_t))) return refuse(env, "the plan has fewer messages");
  for (uint32_t i = 0; i < count; i++) {
    uint32_t places[PLACES];
    memcpy(places, plan.bytes + i * sizeof places, sizeof places);
    bool done = false;
    const char *wrong = seal_one(call.seam, call.size, call.key, call.source, call.out, places, &done);
    if (wrong != NULL) return refuse(env, wrong);
    if (!done) return fail(env);
  }
  return NULL;
}

/*
 * openAt(key, source, out): as `sealAt`, but that IV and tag, of 16 bytes, lie in `source` too. True when the message is
 * authentic; else zeros are written.
 */
static napi_value open_at(napi_env env, napi_callback_info info) {
  CallAt call;
  uint32_t n[PLACES];
  if (!read_call_at(env, info, &call, NULL, NULL) || !read_places(env, call.seam, n)) return NULL;
  View text, aad, iv, given, plain;
  if (!slice(call.source, n[0], n[1], &text) || !slice(call.source, n[2], n[3], &aad) ||
      !slice(call.out, n[4], n[1], &plain) || !slice(call.source, n[5], n[6], &iv) ||
      !slice(call.source, n[7], MAX_TAG_BYTES, &given)) {
    return refuse(env, "a place lies outside of its buffer");
  }
  if (iv.length < 1 || iv.length > MAX_IV_BYTES) return refuse(env, "an initialization vector has 1 to 128 bytes");
  if (text.length > MAX_TEXT_BYTES || aad.length > MAX_TEXT_BYTES) {
    return refuse(env, "the text or the additional data are too long");
  }
  if (text.length > 0 && overlaps_partly(text, plain.bytes, plain.length)) {
    return refuse(env, "the output lies over a part of the text");
  }
  EVP_CIPHER_CTX *context = call.seam->contexts[call.size];
  int ignored = 0;
  unsigned char tag[MAX_TAG_BYTES];
  unsigned char last[MAX_TAG_BYTES];
  memcpy(tag, given.bytes, MAX_TAG_BYTES);
  bool begun = begin_held(call.seam, call.size, call.key, iv, aad, 0) &&
               (text.length == 0 || update(context, (unsigned char *)plain.bytes, text)) &&
               EVP_CIPHER_CTX_ctrl(context, CTRL_SET_TAG, MAX_TAG_BYTES, tag) == 1;
  bool authentic = begun && EVP_CipherFinal_ex(context, last, &ignored) == 1;
  if (!authentic && text.length > 0) OPENSSL_cleanse((unsigned char *)plain.bytes, plain.length);
  if (!begun) {
    forget_held(call.seam);
    return fail(env);
  }
  napi_value result = NULL;
  napi_get_boolean(env, authentic, &result);
  return result;
}

/* isAtRest(): whether no key's schedule is kept for a next message. */
static napi_value is_at_rest(napi_env env, napi_callback_info info) {
  (void)info;
  void *data = NULL;
  napi_value result = NULL;
  if (napi_get_instance_data(env, &data) != napi_ok || data == NULL) return fail(env);
  napi_get_boolean(env, ((const Seam *)data)->held == NOTHING_HELD, &result);
  return result;
}

/* The event loop is about to wait: nothing of a key stays. Should OpenSSL fail, the key itself is gone all the same, and the
   next message overwrites the schedule. */
static void before_wait(void *handle) {
  Seam *seam = uv_handle_get_data(handle);
  if (seam != NULL) forget_held(seam);
}

static void watch_closed(void *handle) {
  Watch *watch = uv_handle_get_data(handle);
  napi_remove_async_cleanup_hook(watch->hook);
  free(handle);
  free(watch);
}

/* The environment ends: `before_wait` is not called again. */
static void end_watch(napi_async_cleanup_hook_handle hook, void *data) {
  Watch *watch = data;
  watch->hook = hook;
  uv_handle_set_data(watch->prepare, watch);
  uv_close(watch->prepare, watch_closed);
}

static bool watch_loop(napi_env env, Seam *seam) {
  struct uv_loop_s *loop = NULL;
  const char *kind = uv_handle_type_name(UV_PREPARE);
  if (kind == NULL || strcmp(kind, "prepare") != 0 || napi_get_uv_event_loop(env, &loop) != napi_ok) return false;
  Watch *watch = calloc(1, sizeof *watch);
  void *prepare = calloc(1, uv_handle_size(UV_PREPARE));
  if (watch == NULL || prepare == NULL || uv_prepare_init(loop, prepare) != 0) {
    free(watch);
    free(prepare);
    return false;
  }
  watch->prepare = prepare;
  uv_handle_set_data(prepare, seam);
  uv_unref(prepare);
  /* From here on the handle is the loop's, and has to be closed. */
  return napi_add_async_cleanup_hook(env, end_watch, watch, NULL) == napi_ok &&
         uv_prepare_start(prepare, before_wait) == 0;
}

static bool add(napi_env env, napi_value exports, const char *name, napi_callback function) {
  napi_value value;
  return napi_create_function(env, name, NAPI_AUTO_LENGTH, function, NULL, &value) == napi_ok &&
         napi_set_named_property(env, exports, name, value) == napi_ok;
}

static napi_value initialise(napi_env env, napi_value exports) {
  const EVP_CIPHER *const ciphers[KEY_SIZES] = {EVP_aes_128_gcm(), EVP_aes_192_gcm(), EVP_aes_256_gcm()};
  Seam *seam = calloc(1, sizeof *seam);
  if (seam == NULL || napi_set_instance_data(env, seam, free_seam, NULL) != napi_ok) {
    free(seam);
    return fail(env);
  }
  seam->held = NOTHING_HELD;
  for (int i = 0; i < KEY_SIZES; i++) {
    seam->contexts[i] = EVP_CIPHER_CTX_new();
    if (seam->contexts[i] == NULL || EVP_CipherInit_ex(seam->contexts[i], ciphers[i], NULL, zeros, zeros, 1) != 1) {
      return fail(env);
    }
  }
  if (!add(env, exports, "seal", seal) || !add(env, exports, "open", open_message) ||
      !add(env, exports, "sealAt", seal_at) || !add(env, exports, "sealEach", seal_each) ||
      !add(env, exports, "openAt", open_at) || !add(env, exports, "placesIn", places_in) ||
      !add(env, exports, "isAtRest", is_at_rest) || !watch_loop(env, seam)) {
    return fail(env);
  }
  return exports;
}

NAPI_MODULE_INIT() { return initialise(env, exports); }
