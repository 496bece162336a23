import Foundation
import Loket
import Security

/// The phone's keys: the one that signs in the Secure Enclave, the store's in the Keychain of this phone alone.
final class AppleKeystore: Keystore, @unchecked Sendable {
    private let device = Data("id.loket.petugas.perangkat".utf8)
    private let store = "id.loket.petugas.penyimpanan"
    private let bytes = 32

    func publicKey() throws -> Data {
        guard let key = SecKeyCopyPublicKey(try signingKey()) else { throw refused("no public key") }
        var error: Unmanaged<CFError>?
        guard let point = SecKeyCopyExternalRepresentation(key, &error) as Data? else { throw refused(error) }
        return point
    }

    func sign(message: Data) throws -> Data {
        var error: Unmanaged<CFError>?
        let algorithm = SecKeyAlgorithm.ecdsaSignatureMessageX962SHA256
        guard let signature = SecKeyCreateSignature(try signingKey(), algorithm, message as CFData, &error) as Data? else {
            throw refused(error)
        }
        return signature
    }

    func storeKey() throws -> Data {
        var found: CFTypeRef?
        let query: [CFString: Any] = [kSecClass: kSecClassGenericPassword, kSecAttrAccount: store, kSecReturnData: true]
        switch SecItemCopyMatching(query as CFDictionary, &found) {
        case errSecSuccess:
            guard let key = found as? Data, key.count == bytes else { throw refused("the store's key is damaged") }
            return key
        case errSecItemNotFound: return try makeStoreKey()
        case let status: throw refused("the Keychain says \(status)")
        }
    }

    func destroyKeys() throws {
        let secret: [CFString: Any] = [kSecClass: kSecClassGenericPassword, kSecAttrAccount: store]
        let signing: [CFString: Any] = [kSecClass: kSecClassKey, kSecAttrApplicationTag: device]
        for query in [secret, signing] {
            let status = SecItemDelete(query as CFDictionary)
            guard status == errSecSuccess || status == errSecItemNotFound else {
                throw refused("the Keychain says \(status)")
            }
        }
    }

    private func makeStoreKey() throws -> Data {
        var key = Data(count: bytes)
        let drawn = key.withUnsafeMutableBytes { SecRandomCopyBytes(kSecRandomDefault, bytes, $0.baseAddress!) }
        guard drawn == errSecSuccess else { throw refused("no random bytes") }
        let item: [CFString: Any] = [
            kSecClass: kSecClassGenericPassword, kSecAttrAccount: store, kSecValueData: key,
            // After the first unlock, so that a sync in the background can work; never in a backup.
            kSecAttrAccessible: kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly,
        ]
        let status = SecItemAdd(item as CFDictionary, nil)
        guard status == errSecSuccess else { throw refused("the Keychain says \(status)") }
        return key
    }

    private func signingKey() throws -> SecKey {
        var found: CFTypeRef?
        let query: [CFString: Any] = [
            kSecClass: kSecClassKey, kSecAttrApplicationTag: device, kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom,
            kSecReturnRef: true,
        ]
        if SecItemCopyMatching(query as CFDictionary, &found) == errSecSuccess, let found {
            return found as! SecKey
        }
        var error: Unmanaged<CFError>?
        let access = SecAccessControlCreateWithFlags(
            nil, kSecAttrAccessibleAfterFirstUnlockThisDeviceOnly, .privateKeyUsage, &error)
        guard let access else { throw refused(error) }
        var kind: [CFString: Any] = [
            kSecAttrKeyType: kSecAttrKeyTypeECSECPrimeRandom, kSecAttrKeySizeInBits: 256,
            kSecPrivateKeyAttrs: [kSecAttrIsPermanent: true, kSecAttrApplicationTag: device, kSecAttrAccessControl: access],
        ]
        #if !targetEnvironment(simulator)
        kind[kSecAttrTokenID] = kSecAttrTokenIDSecureEnclave
        #endif
        guard let key = SecKeyCreateRandomKey(kind as CFDictionary, &error) else { throw refused(error) }
        return key
    }

    private func refused(_ reason: String) -> CallbackFailed { .Failed(reason: reason) }

    private func refused(_ error: Unmanaged<CFError>?) -> CallbackFailed {
        .Failed(reason: error.map { "\($0.takeRetainedValue())" } ?? "refused")
    }
}
