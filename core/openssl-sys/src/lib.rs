//! Nothing to call: this crate only tells the C build of SQLCipher where AWS-LC's headers are, and links AWS-LC.
//!
//! SQLCipher is written for OpenSSL 3. AWS-LC speaks OpenSSL's older language, all of it that SQLCipher uses but for
//! `EVP_MAC`; `evp_mac.h` says that in terms of HMAC. See ADR 27.

extern crate aws_lc_sys as _;
