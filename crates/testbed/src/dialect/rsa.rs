//! Signatures by the testbed's own RSA key, for vendors whose links are signed so.

use ring::signature::{
    RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, RsaParameters, UnparsedPublicKey,
};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// What a message is reduced to before it is signed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Hash {
    Sha1,
    Sha256,
}

/// Whether this is the signature (PKCS #1, version 1.5) of a message.
pub(super) fn holds(hash: Hash, message: &[u8], signature: &[u8]) -> bool {
    let parameters: &'static RsaParameters = match hash {
        Hash::Sha1 => &RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY,
        Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
    };
    let key = STANDARD.decode(PUBLIC_KEY).unwrap_or_default();
    UnparsedPublicKey::new(parameters, key).verify(message, signature).is_ok()
}

/// The public half of `experiments/vendors/testbed-key.pem`: not a secret, since anyone who reads that file knows it.
const PUBLIC_KEY: &str = "MIIBCgKCAQEAnL+3G2KievXM3vZlwCV/1aaQBLit6hs0EoLgMS/SAx81RH/UYFdVbN0kENpkmpyTsdD/0xfAqJtwDiK4Ky7kYmaJ\
    NyLWh3ROTivWrxqJ0LBeo/TCXTRAcBUgOBrd7E/Yn9uO87Bcdfr+UD39BUGBlKdoCIAq+7kn+0BJOVQcXBl8ElMHRaMXRJ5G89nu\
    2WD5vGju5nRs18i1y+vesdoIuiT0KoO5eQgCvRt/ZAxWJ6CXuyY1L4O5RFZXGkmhtq4x88myJsjSUnle/gGOYHdY8BSh6rHSgs6T\
    PUNTjQ1iGxRwfLgSahsrAMyym/QCwd2ekPfhDHbpsPf4pwvEjI8TqwIDAQAB";
