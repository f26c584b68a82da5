import COpenSSL

/// A certificate's subject in the words of RFC 2253, as Java's `X500Principal.getName()` has them
/// and Kafka's principals with it: the last part first, the values of one part (`CN=x+UID=y`) in
/// the order of the certificate, a handful of keywords, and all other kinds by number and bytes.
enum DistinguishedName {
    private static let keywords: [Int32: String] = [
        NID_commonName: "CN", NID_countryName: "C", NID_localityName: "L",
        NID_stateOrProvinceName: "ST", NID_organizationName: "O",
        NID_organizationalUnitName: "OU", NID_streetAddress: "STREET",
        NID_domainComponent: "DC", NID_userId: "UID",
    ]

    static func text(of name: OpaquePointer?) -> String {
        var sets: [(number: Int32, parts: [String])] = []
        for index in 0..<X509_NAME_entry_count(name) {
            guard let entry = X509_NAME_get_entry(name, index) else { continue }
            let number = X509_NAME_ENTRY_set(entry)
            if sets.last?.number == number {
                sets[sets.count - 1].parts.append(part(entry))
            } else {
                sets.append((number, [part(entry)]))
            }
        }
        return sets.reversed().map { $0.parts.joined(separator: "+") }.joined(separator: ",")
    }

    private static func part(_ entry: OpaquePointer) -> String {
        let object = X509_NAME_ENTRY_get_object(entry)
        let value = X509_NAME_ENTRY_get_data(entry)
        guard let keyword = keywords[OBJ_obj2nid(object)], let plain = utf8(of: value) else {
            return "\(number(of: object))=#\(hexadecimal(of: value))"
        }
        return "\(keyword)=\(escaped(plain))"
    }

    /// Nil for what is no text.
    private static func utf8(of value: UnsafePointer<ASN1_STRING>?) -> String? {
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&bytes, value)
        guard count >= 0, let bytes else { return nil }
        defer { CRYPTO_free(bytes, nil, 0) }
        let buffer = UnsafeBufferPointer(start: bytes, count: Int(count))
        return String(validating: buffer, as: UTF8.self)
    }

    private static func number(of object: OpaquePointer?) -> String {
        var text = [CChar](repeating: 0, count: 128)
        let count = OBJ_obj2txt(&text, Int32(text.count), object, 1)
        return String(
            decoding: text.prefix(max(0, min(Int(count), text.count - 1)))
                .map { UInt8(bitPattern: $0) },
            as: UTF8.self
        )
    }

    /// The value with its type and length, as it stands in the certificate.
    private static func hexadecimal(of value: UnsafePointer<ASN1_STRING>?) -> String {
        guard let type = value.map({ ASN1_STRING_type($0) }),
            let begin = ASN1_STRING_get0_data(value)
        else { return "" }
        let content = UnsafeBufferPointer(
            start: begin,
            count: max(0, Int(ASN1_STRING_length(value)))
        )
        var bytes = [UInt8(truncatingIfNeeded: type)]
        if content.count < 128 {
            bytes.append(UInt8(content.count))
        } else {
            let length = withUnsafeBytes(of: UInt32(content.count).bigEndian) {
                Array($0.drop { $0 == 0 })
            }
            bytes += [0x80 | UInt8(length.count)] + length
        }
        return (bytes + content).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0\(digits)" : digits
        }.joined()
    }

    private static let special = Set<Unicode.Scalar>(",=+<>#;\"\\".unicodeScalars)

    private static func escaped(_ value: String) -> String {
        let scalars = Array(value.unicodeScalars)
        let begin = scalars.prefix { $0 == " " }.count
        let end = scalars.count - scalars.reversed().prefix { $0 == " " }.count
        var text = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            if scalar == "\0" {
                text.append(contentsOf: "\\00".unicodeScalars)
                continue
            }
            if special.contains(scalar) || index < begin || index >= end { text.append("\\") }
            text.append(scalar)
        }
        return String(text)
    }
}
