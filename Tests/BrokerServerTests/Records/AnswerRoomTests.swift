import Testing

@testable import BrokerAPI

/// Who gets room for an answer, by values.
struct AnswerRoomTests {
    @Test func `what is claimed is what there is room for`() {
        var room = AnswerRoom(byteLimit: 1000)
        #expect(room.claim(upTo: 700) == 700)
        #expect(room.claim(upTo: 700) == 300)
        #expect(room.isFull)
        #expect(room.claim(upTo: 700) == 0)
        #expect(room.claim(all: 1, beside: 0) == false)
        room.release(400)
        #expect(room.claim(all: 401, beside: 0) == false)
        #expect(room.claim(all: 400, beside: 0) == true)
        // What came without being asked counts as well.
        room.add(500)
        room.release(500)
        #expect(room.usedByteCount == 1000)
    }

    @Test func `who waits is served in his turn, and nobody before him`() {
        var room = AnswerRoom(byteLimit: 1000)
        #expect(room.claim(upTo: 900) == 900)
        let large = room.wait(for: 600)
        let small = room.wait(for: 50)
        #expect(room.grant().isEmpty)
        // There is room for it, but a large one waits.
        #expect(room.claim(upTo: 10) == 0)
        room.release(400)
        #expect(room.grant().isEmpty)
        room.release(100)
        #expect(room.grant() == [large])
        #expect(room.usedByteCount == 1000)
        #expect(room.forget(large) == false)
        room.release(600)
        #expect(room.grant() == [small])
        #expect(!room.isFull)
        #expect(room.claim(upTo: 10) == 10)
    }

    @Test func `who leaves the line lets the next one through`() {
        var room = AnswerRoom(byteLimit: 1000)
        #expect(room.claim(upTo: 900) == 900)
        let large = room.wait(for: 600)
        let small = room.wait(for: 50)
        #expect(room.forget(large) == true)
        #expect(room.grant() == [small])
    }

    @Test func `one batch goes beyond the limit while next to nothing is held`() {
        var room = AnswerRoom(byteLimit: 6400)
        #expect(room.claim(upTo: 200) == 200)
        #expect(room.claim(all: 9000, beside: 0) == false)
        // What the claimer holds itself is no other's.
        #expect(room.claim(all: 9000, beside: 200) == true)
        let other = room.wait(for: 9000)
        #expect(room.grant().isEmpty)
        room.release(9100)
        #expect(room.grant() == [other])
        #expect(room.usedByteCount == 9100)
    }
}
