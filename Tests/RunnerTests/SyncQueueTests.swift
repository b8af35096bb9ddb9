import Foundation
import Synchronization
import Testing

@testable import Runner

@Suite struct SyncQueueTests {
    let folder: Scratch

    init() throws { folder = try Scratch() }

    /// Syncs descriptors, each in a thread of its own and an image of its own.
    private func results(_ descriptors: [Int32], most: Int, others: Int = 0) -> [[Int32]] {
        let queue = SyncQueue(most: most), all = Mutex([[Int32]](repeating: [], count: descriptors.count))
        for _ in 0..<descriptors.count + others { queue.imageBegan() }
        let group = DispatchGroup()
        for (index, descriptor) in descriptors.enumerated() {
            group.enter()
            Thread.detachNewThread {
                let codes = queue.sync([descriptor], bytes: 3)
                queue.imageEnded()
                all.withLock { $0[index] = codes }
                group.leave()
            }
        }
        group.wait()
        return all.withLock { $0 }
    }

    private func opened(_ count: Int) throws -> [Int32] {
        try (0..<count).map { index in
            let descriptor = open(folder("\(index)"), O_WRONLY | O_CREAT, 0o600)
            try #require(descriptor >= 0 && write(descriptor, "abc", 3) == 3)
            return descriptor
        }
    }

    @Test(arguments: [(1, 1, 0), (1, 8, 0), (8, 8, 0), (20, 8, 0), (3, 8, 5), (5, 1, 2)])
    func `files are synced in company and alone, and wait for no image that does not come`(count: Int, most: Int, others: Int) throws {
        let files = try opened(count)
        defer { for file in files { close(file) } }
        #expect(results(files, most: most, others: others) == [[Int32]](repeating: [0], count: count))
    }

    @Test func `what fails for one file is said of that file`() throws {
        let files = try opened(2)
        defer { for file in files { close(file) } }
        #expect(results([files[0], -1, files[1]], most: 3) == [[0], [EBADF], [0]])
    }
}
