import Testing
import Threads

@testable import BrokerServer

@Suite struct RequestWorkersTests {
    @Test func `heavy work leaves threads to the rest`() {
        let workers = RequestWorkers(threadCount: 4)
        let isOpen = ConditionLock(false)
        let begun = ConditionLock(0)
        let done = ConditionLock(0)
        for _ in 0..<8 {
            workers.add(
                {
                    begun.update { $0 += 1 }
                    isOpen.waitAndTake { $0 ? () : nil }
                    done.update { $0 += 1 }
                },
                isHeavy: true,
                to: RequestWorkers.Mailbox()
            )
        }
        begun.waitAndTake { $0 > 0 ? () : nil }
        let light = ConditionLock(0)
        for _ in 0..<8 { workers.add({ light.update { $0 += 1 } }, to: RequestWorkers.Mailbox()) }
        light.waitAndTake { $0 == 8 ? () : nil }
        #expect(begun.withLock { $0 } == 1)
        isOpen.update { $0 = true }
        done.waitAndTake { $0 == 8 ? () : nil }
        workers.stop()
    }

    @Test func `light work behind heavy work of one connection keeps its order`() {
        let workers = RequestWorkers(threadCount: 4)
        let mailbox = RequestWorkers.Mailbox()
        let seen = ConditionLock<[Int]>([])
        for number in 0..<50 {
            workers.add(
                { seen.update { $0.append(number) } },
                isHeavy: number.isMultiple(of: 3),
                to: mailbox
            )
        }
        let order = seen.waitAndTake { $0.count == 50 ? $0 : nil }
        #expect(order == Array(0..<50))
        workers.stop()
    }
}
