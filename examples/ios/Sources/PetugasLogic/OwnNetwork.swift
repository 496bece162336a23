import Foundation
#if canImport(Glibc)
import Glibc
#endif

/// Where phones on the same Wi-Fi or hotspot find this one.
public enum OwnNetwork {
    public static func addresses() -> [String] {
        var first: UnsafeMutablePointer<ifaddrs>?
        guard getifaddrs(&first) == 0 else { return [] }
        defer { freeifaddrs(first) }
        return sequence(first: first) { $0?.pointee.ifa_next }.compactMap { $0 }.compactMap(address)
    }

    private static func address(_ one: UnsafeMutablePointer<ifaddrs>) -> String? {
        guard let at = one.pointee.ifa_addr, at.pointee.sa_family == sa_family_t(AF_INET) else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET_ADDRSTRLEN))
        let read = at.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { four in
            inet_ntop(AF_INET, &four.pointee.sin_addr, &text, socklen_t(INET_ADDRSTRLEN))
        }
        let written = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        guard read != nil, let address = String(bytes: written, encoding: .utf8) else { return nil }
        return isNearby(address) ? address : nil
    }

    /// Whether it is one of Wi-Fi and hotspots: of mobile data there is one too, which no phone nearby reaches.
    static func isNearby(_ address: String) -> Bool {
        let parts = address.split(separator: ".").compactMap { Int($0) }
        guard parts.count == 4 else { return false }
        return parts[0] == 10 || (parts[0] == 192 && parts[1] == 168) || (parts[0] == 172 && (16...31).contains(parts[1]))
    }
}
