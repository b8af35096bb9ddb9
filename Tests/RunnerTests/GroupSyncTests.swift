import Foundation
import StageHost
import Synchronization
import Testing

@testable import Runner

@Suite struct GroupSyncTests {
    /// Files of as many transactions, each with `count` bytes, whole and without their names.
    private func computed(_ count: Int, in folder: Scratch) throws -> [ComputedImage] {
        try (0..<count).map { index in
            var transaction = OutputTransaction()
            let path = try transaction.writablePath(for: folder("\(index).png"), isStreamed: true)
            try Data("picture \(index)".utf8).write(to: URL(filePath: path))
            let planned = PlannedImage(index: index, input: InputFile(path: "in/\(index).png", folder: "in"), outputs: [folder("\(index).png")], bytes: 0)
            let made = MadeImage(pixels: 1, notes: [], seconds: 0)
            return ComputedImage(planned: planned, made: made, transaction: transaction, clock: JobClock(), context: ImageContext(memoryBudget: 1 << 20))
        }
    }

    @Test func `files are synced together only where that saves something, and all are on one file system`() throws {
        let folder = try Scratch()
        var sync = GroupSync()
        let files = try computed(GroupSync.least, in: folder)
        func syncs(_ files: [OutputTransaction.Unsynced]) -> Bool { sync.sync(files) }
        #expect(!syncs([]) && !syncs(files.dropLast().flatMap(\.files)))
        let elsewhere = OutputTransaction.Unsynced(descriptor: files[0].files[0].descriptor, device: (files[0].files[0].device ?? 0) + 1)
        #expect(!syncs(files.flatMap(\.files) + [elsewhere]))
        #expect(!syncs(Array(repeating: OutputTransaction.Unsynced(descriptor: -1, device: nil), count: 8)))
    }

    @Test func `a committer names every image it is given, whole, and says so once`() throws {
        let folder = try Scratch()
        let committer = Committer(most: 12), images = try computed(50, in: folder), made = Mutex<[Int]>([]), isDone = DispatchSemaphore(value: 0)
        #expect(committer.start())
        for _ in images { committer.ordered() }
        for image in images {
            let index = image.planned.index
            committer.commit(Committer.Item(image: image) { result in
                if case .success = result { made.withLock { $0.append(index) } }
                committer.answered()
                isDone.signal()
            })
        }
        for _ in images { #expect(isDone.wait(timeout: .now() + 20) == .success) }
        #expect(made.withLock { $0.sorted() } == Array(0..<50) && committer.inHand == 0)
        #expect(folder.files().count == 50)
        #expect(try String(contentsOfFile: folder("37.png"), encoding: .utf8) == "picture 37")
    }

    @Test func `an image that cannot get its name fails alone`() throws {
        let folder = try Scratch()
        let committer = Committer(most: 12), images = try computed(6, in: folder), failed = Mutex<[Int]>([]), isDone = DispatchSemaphore(value: 0)
        try FileManager.default.createDirectory(atPath: folder("3.png"), withIntermediateDirectories: true)
        #expect(committer.start())
        for image in images {
            let index = image.planned.index
            committer.ordered()
            committer.commit(Committer.Item(image: image) { result in
                if case .failure(let error) = result, error.failure.message.contains("3.png") { failed.withLock { $0.append(index) } }
                committer.answered()
                isDone.signal()
            })
        }
        for _ in images { #expect(isDone.wait(timeout: .now() + 20) == .success) }
        #expect(failed.withLock { $0 } == [3])
        #expect(folder.files() == ["0.png", "1.png", "2.png", "4.png", "5.png"])
    }

    @Test func `a turnstile lets in as many as there is room for, and more when there is more`() throws {
        let turnstile = Turnstile(2), inside = Mutex((now: 0, most: 0)), isDone = DispatchSemaphore(value: 0), room = Atomic<Int>(2)
        func pass(_ count: Int) {
            for _ in 0..<count {
                #expect(SystemThread.start {
                    turnstile.enter()
                    inside.withLock { $0 = ($0.now + 1, max($0.most, $0.now + 1)) }
                    Thread.sleep(forTimeInterval: 0.02)
                    inside.withLock { $0.now -= 1 }
                    turnstile.leave(room.load(ordering: .relaxed))
                    isDone.signal()
                })
            }
            for _ in 0..<count { #expect(isDone.wait(timeout: .now() + 20) == .success) }
        }
        pass(12)
        #expect(inside.withLock { $0.most } == 2)
        room.store(6, ordering: .relaxed)
        pass(1)
        pass(24)
        let most = inside.withLock { $0.most }
        #expect(most > 2 && most <= 6)
    }
}
