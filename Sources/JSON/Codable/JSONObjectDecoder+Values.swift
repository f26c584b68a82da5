/// Members of single values. The synthesised code asks `decodeIfPresent` for optional members.
extension JSONObjectDecoder {
    func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool {
        try member(key).requireBool()
    }

    func decodeIfPresent(_ type: Bool.Type, forKey key: Key) throws -> Bool? {
        try present(key)?.requireBool()
    }

    func decode(_ type: String.Type, forKey key: Key) throws -> String {
        try member(key).requireString()
    }

    func decodeIfPresent(_ type: String.Type, forKey key: Key) throws -> String? {
        try present(key)?.requireString()
    }

    func decode(_ type: Double.Type, forKey key: Key) throws -> Double {
        try member(key).requireDouble()
    }

    func decodeIfPresent(_ type: Double.Type, forKey key: Key) throws -> Double? {
        try present(key)?.requireDouble()
    }

    func decode(_ type: Float.Type, forKey key: Key) throws -> Float {
        try member(key).requireFloat()
    }

    func decodeIfPresent(_ type: Float.Type, forKey key: Key) throws -> Float? {
        try present(key)?.requireFloat()
    }

    func decode(_ type: Int.Type, forKey key: Key) throws -> Int {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: Int.Type, forKey key: Key) throws -> Int? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: Int8.Type, forKey key: Key) throws -> Int8? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: Int16.Type, forKey key: Key) throws -> Int16? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: Int32.Type, forKey key: Key) throws -> Int32? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: Int64.Type, forKey key: Key) throws -> Int64? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: UInt.Type, forKey key: Key) throws -> UInt? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: UInt8.Type, forKey key: Key) throws -> UInt8? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: UInt16.Type, forKey key: Key) throws -> UInt16? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: UInt32.Type, forKey key: Key) throws -> UInt32? {
        try present(key)?.requireInteger()
    }

    func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 {
        try member(key).requireInteger()
    }

    func decodeIfPresent(_ type: UInt64.Type, forKey key: Key) throws -> UInt64? {
        try present(key)?.requireInteger()
    }
}
