import Foundation
import StageHost
import Synchronization
import Testing

@testable import Runner

@Suite struct GroupSyncTests {
    /// Files of as many transactions, each with `count` bytes, whole and without their names.
    private func computed(_ count: Int, in folder: Scratch) throws -> [ComputedImage] {
        try folder.write("input")
        return try (0..<count).map { index in
            var transaction = OutputTransaction()
            let path = try transaction.writablePath(for: folder("\(index).png"), isStreamed: true)
            try Data("picture \(index)".utf8).write(to: URL(filePath: path))
            let made = MadeImage(pixels: index, notes: [], seconds: 0), input = OpenedFile(folder("input"))
            return ComputedImage(made, of: input, transaction: transaction, clock: JobClock(), context: ImageContext(memoryBudget: 1 << 20))
        }
    }

    /// A file system that can do it, and what is asked of it.
    private final class Disk: Sendable {
        let synced = Mutex<[Int32]>([])
        let state = Mutex((seconds: 0.0, isWhole: true, dirty: 0))
        var group: GroupSync {
            var system = GroupSync.System()
            system.knows = { $0 >= 0 }
            system.dirty = { [self] in state.withLock { $0.dirty } }
            system.syncAll = { [self] descriptor in
                synced.withLock { $0.append(descriptor) }
                let (seconds, isWhole, _) = state.withLock { $0 }
                Thread.sleep(forTimeInterval: seconds)
                return isWhole
            }
            return GroupSync(system)
        }
        var count: Int { synced.withLock { $0.count } }
    }

    @Test func `files are synced together where that saves something, and all are on one file system`() throws {
        let folder = try Scratch(), disk = Disk(), group = disk.group
        let files = try computed(GroupSync.least, in: folder).map(\.files)
        #expect(!group.sync([]) && !group.sync(files.dropLast()) && !group.sync([files.flatMap(\.self)]), "one image with several outputs is no group")
        let elsewhere = OutputTransaction.Unsynced(descriptor: files[0][0].descriptor, device: (files[0][0].device ?? 0) + 1)
        #expect(!group.sync(files + [[elsewhere]]))
        let unknown = OutputTransaction.Unsynced(descriptor: -1, device: nil)
        #expect(!group.sync(Array(repeating: [unknown], count: 8)))
        #expect(disk.count == 0)
        #expect(group.sync(files) && disk.synced.withLock { $0 } == [files[0][0].descriptor])
    }

    @Test func `where others keep the disk busy, files are synced one by one for a while`() throws {
        let folder = try Scratch(), disk = Disk(), group = disk.group
        let computed = try computed(6, in: folder), files = computed.map(\.files)
        disk.state.withLock { $0.dirty = 1 << 30 }
        #expect(!group.sync(files) && disk.count == 0)
        disk.state.withLock { $0.dirty = 0 }
        for _ in 0..<32 { #expect(!group.sync(files)) }
        #expect(group.sync(files) && disk.count == 1)
        // It works, and takes long; then it fails: twice as long a pause.
        disk.state.withLock { $0.seconds = 0.3 }
        #expect(group.sync(files) && !group.sync(files) && disk.count == 2)
        disk.state.withLock { ($0.seconds, $0.isWhole) = (0, false) }
        for _ in 0..<31 { #expect(!group.sync(files)) }
        #expect(!group.sync(files) && disk.count == 3)
        for _ in 0..<64 { #expect(!group.sync(files) && disk.count == 3) }
        #expect(!group.sync(files) && disk.count == 4)
    }

    @Test(arguments: [1, 3, 12]) func `a committer names every image it is given, whole, and says so once`(most: Int) throws {
        let folder = try Scratch(), disk = Disk()
        let committer = Committer(most: most, groups: disk.group), images = try computed(50, in: folder), made = Mutex<[Int]>([]), isDone = DispatchSemaphore(value: 0)
        for _ in images { committer.ordered() }
        for image in images {
            committer.commit(Committer.Item(image: image) { result in
                if case .success(let image) = result { made.withLock { $0.append(image.pixels) } }
                committer.answered()
                isDone.signal()
            })
        }
        #expect(committer.start(threads: 3))
        for _ in images { #expect(isDone.wait(timeout: .now() + 20) == .success) }
        #expect(made.withLock { $0.sorted() } == Array(0..<50) && committer.inHand == 0)
        #expect(folder.files().count == 51)
        #expect(try String(contentsOfFile: folder("37.png"), encoding: .utf8) == "picture 37")
        #expect(most == 12 ? (4...5).contains(disk.count) : disk.count == 0, "50 images in groups of 12; the last two by themselves")
    }

    @Test func `an image that cannot get its name fails alone`() throws {
        let folder = try Scratch()
        let committer = Committer(most: 12), images = try computed(6, in: folder), failed = Mutex<[Int]>([]), isDone = DispatchSemaphore(value: 0)
        try FileManager.default.createDirectory(atPath: folder("3.png"), withIntermediateDirectories: true)
        #expect(committer.start(threads: 2))
        for (index, image) in images.enumerated() {
            committer.ordered()
            committer.commit(Committer.Item(image: image) { result in
                if case .failure(let error) = result, error.failure.message.contains("3.png") { failed.withLock { $0.append(index) } }
                committer.answered()
                isDone.signal()
            })
        }
        for _ in images { #expect(isDone.wait(timeout: .now() + 20) == .success) }
        #expect(failed.withLock { $0 } == [3])
        #expect(folder.files() == ["0.png", "1.png", "2.png", "4.png", "5.png", "input"])
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
