/// The messages of RFC 5802 as they are read. Each is ASCII text but for the user's name.
enum ScramMessage {
    /// Why a message is none; nothing of it is told, for it may hold what is secret.
    struct Malformed: Error {}

    /// A message with more attributes than this is nobody's.
    private static let attributeLimit = 16

    /// `x=value`, in order.
    static func attributes(
        _ text: ArraySlice<UInt8>
    ) throws(Malformed) -> [(name: UInt8, value: ArraySlice<UInt8>)] {
        let parts = text.split(
            separator: UInt8(ascii: ","),
            maxSplits: attributeLimit,
            omittingEmptySubsequences: false
        )
        guard parts.count <= attributeLimit else { throw Malformed() }
        var attributes: [(name: UInt8, value: ArraySlice<UInt8>)] = []
        for part in parts {
            guard part.count >= 2, part[part.startIndex + 1] == UInt8(ascii: "="),
                let name = part.first
            else { throw Malformed() }
            attributes.append((name, part.dropFirst(2)))
        }
        return attributes
    }

    /// Printable ASCII without a comma.
    static func isNonce(_ value: ArraySlice<UInt8>) -> Bool {
        !value.isEmpty && value.allSatisfy { (0x21...0x7E).contains($0) && $0 != 0x2C }
    }

    /// `=2C` is a comma, `=3D` an equals sign; no other of them may stand in a name.
    static func decodedName(_ value: ArraySlice<UInt8>) throws(Malformed) -> String {
        var bytes: [UInt8] = []
        var rest = value
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "=") else {
                bytes.append(byte)
                continue
            }
            switch rest.prefix(2) {
            case [0x32, 0x43]: bytes.append(UInt8(ascii: ","))
            case [0x33, 0x44]: bytes.append(UInt8(ascii: "="))
            default: throw Malformed()
            }
            rest = rest.dropFirst(2)
        }
        guard !bytes.isEmpty, !bytes.contains(0),
            let name = String(validating: bytes, as: UTF8.self)
        else { throw Malformed() }
        return name
    }

    static func encodedName(_ name: String) -> String {
        var text = ""
        for character in name.unicodeScalars {
            switch character {
            case ",": text += "=2C"
            case "=": text += "=3D"
            default: text.unicodeScalars.append(character)
            }
        }
        return text
    }
}

/// What a client says first: `n,a=authzid,n=user,r=nonce`.
struct ClientFirstMessage {
    /// All up to the part that is signed.
    let header: [UInt8]
    let bare: [UInt8]
    let authorizationID: String
    let user: String
    let nonce: [UInt8]

    init(_ token: [UInt8]) throws(ScramMessage.Malformed) {
        // Without channel binding, as every client of Kafka's: "y" and "p" are none.
        guard token.starts(with: Array("n,".utf8)),
            let end = token.dropFirst(2).firstIndex(of: UInt8(ascii: ","))
        else { throw ScramMessage.Malformed() }
        header = Array(token[...end])
        let authorization = token[2..<end]
        if authorization.isEmpty {
            authorizationID = ""
        } else {
            guard authorization.starts(with: Array("a=".utf8)) else {
                throw ScramMessage.Malformed()
            }
            authorizationID = try ScramMessage.decodedName(authorization.dropFirst(2))
        }
        bare = Array(token[(end + 1)...])
        // Whatever stands behind are extensions, which may be ignored; "m" in front may not.
        let attributes = try ScramMessage.attributes(bare[...])
        guard attributes.count >= 2, attributes[0].name == UInt8(ascii: "n"),
            attributes[1].name == UInt8(ascii: "r"), ScramMessage.isNonce(attributes[1].value)
        else { throw ScramMessage.Malformed() }
        user = try ScramMessage.decodedName(attributes[0].value)
        nonce = Array(attributes[1].value)
    }
}

/// What a client says last: `c=binding,r=nonce,p=proof`.
struct ClientFinalMessage {
    let withoutProof: [UInt8]
    let binding: [UInt8]
    let nonce: [UInt8]
    let proof: [UInt8]

    init(_ token: [UInt8]) throws(ScramMessage.Malformed) {
        let attributes = try ScramMessage.attributes(token[...])
        guard attributes.count >= 3, let last = attributes.last,
            attributes[0].name == UInt8(ascii: "c"), attributes[1].name == UInt8(ascii: "r"),
            last.name == UInt8(ascii: "p"), let binding = Base64.decode(attributes[0].value),
            let proof = Base64.decode(last.value)
        else { throw ScramMessage.Malformed() }
        self.binding = binding
        self.proof = proof
        nonce = Array(attributes[1].value)
        // In front of ",p=".
        withoutProof = Array(token[..<(last.value.startIndex - 3)])
    }
}

/// What a server says first: `r=nonce,s=salt,i=iterations`.
struct ServerFirstMessage {
    let text: [UInt8]
    let nonce: [UInt8]
    let salt: [UInt8]
    let iterations: Int32

    init(nonce: [UInt8], salt: [UInt8], iterations: Int32) {
        self.nonce = nonce
        self.salt = salt
        self.iterations = iterations
        text =
            Array("r=".utf8) + nonce + Array(",s=\(Base64.encode(salt)),i=\(iterations)".utf8)
    }

    init(_ token: [UInt8]) throws(ScramMessage.Malformed) {
        let attributes = try ScramMessage.attributes(token[...])
        guard attributes.count >= 3, attributes[0].name == UInt8(ascii: "r"),
            attributes[1].name == UInt8(ascii: "s"), attributes[2].name == UInt8(ascii: "i"),
            let salt = Base64.decode(attributes[1].value),
            let iterations = Int32(String(decoding: attributes[2].value, as: UTF8.self))
        else { throw ScramMessage.Malformed() }
        text = token
        nonce = Array(attributes[0].value)
        self.salt = salt
        self.iterations = iterations
    }
}
