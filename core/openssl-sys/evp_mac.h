/* What SQLCipher's provider for OpenSSL uses of EVP_MAC, and only that: HMAC by a digest that is named. */
#ifndef LOKET_EVP_MAC_H
#define LOKET_EVP_MAC_H

#include <openssl/hmac.h>
#include <string.h>

typedef struct {
    const char *key;
    unsigned int data_type;
    const void *data;
    size_t data_size, return_size;
} OSSL_PARAM;

#define OSSL_PARAM_UTF8_STRING 4
#define OSSL_PARAM_END { NULL, 0, NULL, 0, 0 }

typedef struct { char unused; } EVP_MAC;
typedef HMAC_CTX EVP_MAC_CTX;

static inline EVP_MAC *EVP_MAC_fetch(void *library, const char *name, const char *properties) {
    static EVP_MAC hmac;
    (void)library, (void)properties;
    return strcmp(name, "HMAC") == 0 ? &hmac : NULL;
}

static inline void EVP_MAC_free(EVP_MAC *mac) { (void)mac; }

static inline EVP_MAC_CTX *EVP_MAC_CTX_new(EVP_MAC *mac) {
    (void)mac;
    return HMAC_CTX_new();
}

static inline void EVP_MAC_CTX_free(EVP_MAC_CTX *context) { HMAC_CTX_free(context); }

static inline int EVP_MAC_init(EVP_MAC_CTX *context, const unsigned char *key, size_t length, const OSSL_PARAM *digest) {
    const char *name = (const char *)digest->data;
    const EVP_MD *by = strcmp(name, "sha512") == 0 ? EVP_sha512()
        : strcmp(name, "sha256") == 0 ? EVP_sha256() : strcmp(name, "sha1") == 0 ? EVP_sha1() : NULL;
    return by != NULL && HMAC_Init_ex(context, key, length, by, NULL);
}

static inline int EVP_MAC_update(EVP_MAC_CTX *context, const unsigned char *bytes, size_t length) {
    return HMAC_Update(context, bytes, length);
}

/* Without a place for it, only its length is told. */
static inline int EVP_MAC_final(EVP_MAC_CTX *context, unsigned char *out, size_t *length, size_t room) {
    unsigned int written = 0;
    *length = HMAC_size(context);
    if (out == NULL) return 1;
    return room >= *length && HMAC_Final(context, out, &written);
}

#endif
