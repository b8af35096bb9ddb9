import Foundation
import Synchronization
import Testing

@testable import Runner

@Suite struct MessageChannelTests {
    /// The two ends of a channel.
    func channels() throws -> (MessageChannel, MessageChannel) {
        var ends: [Int32] = [-1, -1]
        try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return (MessageChannel(descriptor: ends[0]), MessageChannel(descriptor: ends[1]))
    }

    @Test func `a message with what is no finite number arrives`() throws {
        let (here, there) = try channels()
        var failed = FailedImage(ImageFailure("stage", "it divides by zero"))
        for seconds in [Double.nan, .infinity, -.infinity, 1.5] {
            failed.seconds = seconds
            #expect(here.send(WorkerAnswer.failed(7, failed, state: WorkerState(notes: [], resident: 1, pace: 0.002))))
            guard case .failed(7, let arrived, _)? = there.receive(WorkerAnswer.self) else {
                Issue.record("\(seconds) did not arrive")
                return
            }
            #expect(arrived.seconds == seconds || arrived.seconds.isNaN && seconds.isNaN)
        }
    }

    private struct Unwritable: Message {
        var packed: [UInt8]? { nil }
        init() {}
        init?(packed: [UInt8]) { return nil }
        func encode(to encoder: any Encoder) throws { throw EncodingError.invalidValue(0, .init(codingPath: [], debugDescription: "no")) }
    }

    @Test func `a message that cannot be written ends the channel, and nobody waits for it`() throws {
        let (here, there) = try channels()
        #expect(!here.send(Unwritable()))
        #expect(there.receive(WorkerAnswer.self) == nil)
    }
}

@Suite struct LineFileTests {
    @Test func `a pipe that is full is waited for without spinning`() throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { for end in ends { close(end) } }
        _ = fcntl(ends[1], F_SETFL, O_NONBLOCK)
        let filling = [UInt8](repeating: 10, count: 4096)
        var filled = 0
        while case let count = write(ends[1], filling, filling.count), count > 0 { filled += count }
        let file = LineFile(descriptor: ends[1], title: "the pipe"), thread = Mutex<String?>(nil), isDone = DispatchSemaphore(value: 0)
        Thread {
            let own = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/thread-self")
            thread.withLock { $0 = own }
            try? file.append("a line")
            isDone.signal()
        }.start()
        /// `S` for one that sleeps, `R` for one that runs or would.
        func state() -> Character? {
            guard let own = thread.withLock({ $0 }), let text = try? String(contentsOfFile: "/proc/\(own)/stat", encoding: .utf8), let end = text.lastIndex(of: ")") else { return nil }
            return text[end...].dropFirst(2).first
        }
        // Once asleep it stays so; one that spins is never seen asleep so often in a row.
        var asleep = 0
        let deadline = Date() + 30
        while asleep < 100, Date() < deadline {
            asleep = state() == "S" ? asleep + 1 : 0
            sched_yield()
        }
        #expect(asleep == 100)
        var taken = [UInt8](repeating: 0, count: filled)
        var count = 0
        while count < filled { count += read(ends[0], &taken, filled - count) }
        #expect(isDone.wait(timeout: .now() + 30) == .success)
        #expect(read(ends[0], &taken, filled) == 7 && taken.starts(with: "a line\n".utf8))
    }
}
