import Foundation
@testable import StageHost
import Synchronization
import Testing
import Vips

/// A result of 40 x 30 pixels of one band in cells of 10 x 10, whose pixels are their own numbers.
private final class Board: Sendable {
    static let width = 40, height = 30, edge = 10
    let made = Mutex<[Int: Int]>([:])
    let limit = Atomic<Int>(Int.max)

    func store(workers: Int, ahead: Int, isCancelled: @escaping @Sendable () -> Bool = { false }) -> CellStore {
        CellStore(columns: Self.width / Self.edge, rows: Self.height / Self.edge, workers: workers, ahead: ahead, isCancelled: isCancelled) { [self] column, row in
            let index = row * (Self.width / Self.edge) + column
            guard index < limit.load(ordering: .relaxed) else { throw StageError.host("cell \(index) failed") }
            made.withLock { $0[index, default: 0] += 1 }
            let cell = CellPixels(area: Rect(left: column * Self.edge, top: row * Self.edge, width: Self.edge, height: Self.edge), bands: 1)
            for y in cell.area.top..<cell.area.top + Self.edge {
                for x in cell.area.left..<cell.area.left + Self.edge { cell.pixel(x: x, y: y).pointee = Float(y * Self.width + x) }
            }
            return cell
        }
    }

    var counts: [Int: Int] { made.withLock { $0 } }

    /// Reads an area and compares every pixel.
    static func check(_ area: Rect, _ store: CellStore) throws {
        var pixels = [Float](repeating: -1, count: area.width * area.height)
        try pixels.withUnsafeMutableBytes { bytes in
            let base = try #require(bytes.baseAddress)
            try store.read(area, columns: area.left / edge...(area.left + area.width - 1) / edge, rows: area.top / edge...(area.top + area.height - 1) / edge,
                           into: OutputPixels(base: base, rowStride: area.width * 4))
        }
        let expected = (area.top..<area.top + area.height).flatMap { y in (area.left..<area.left + area.width).map { x in Float(y * width + x) } }
        #expect(pixels == expected)
    }
}

@Suite struct CellStoreTests {
    @Test(arguments: [(0, 0), (1, 1), (3, 6), (8, 50)])
    func `strips read from top to bottom compute each cell once`(_ sizes: (workers: Int, ahead: Int)) throws {
        let board = Board(), store = board.store(workers: sizes.workers, ahead: sizes.ahead)
        for top in stride(from: 0, to: Board.height, by: 3) { try Board.check(Rect(left: 0, top: top, width: Board.width, height: 3), store) }
        store.close()
        #expect(board.counts.count == 12 && board.counts.values.allSatisfy { $0 == 1 })
    }

    @Test func `readers that overlap get the same pixels, and cells of the last two rows are kept for them`() throws {
        let board = Board(), store = board.store(workers: 2, ahead: 4)
        for top in stride(from: 0, to: Board.height - 6, by: 2) { try Board.check(Rect(left: 0, top: top, width: Board.width, height: 6), store) }
        store.close()
        #expect(board.counts.values.allSatisfy { $0 == 1 })
    }

    @Test func `any order of reading gives the right pixels`() throws {
        let board = Board(), store = board.store(workers: 3, ahead: 6)
        var state: UInt64 = 7
        func next(_ limit: Int) -> Int {
            state = state &* 6364136223846793005 &+ 1442695040888963407
            return Int(state >> 33) % limit
        }
        for _ in 0..<200 {
            let left = next(Board.width), top = next(Board.height)
            try Board.check(Rect(left: left, top: top, width: 1 + next(Board.width - left), height: 1 + next(Board.height - top)), store)
        }
        store.close()
    }

    @Test func `many threads read at once`() throws {
        let board = Board(), store = board.store(workers: 2, ahead: 4)
        let failures = Mutex<[String]>([])
        DispatchQueue.concurrentPerform(iterations: 60) { index in
            do {
                try Board.check(Rect(left: (index % 4) * 10, top: (index / 4) * 2, width: 10, height: 2), store)
            } catch {
                failures.withLock { $0.append("\(error)") }
            }
        }
        store.close()
        #expect(failures.withLock { $0 }.isEmpty)
    }

    @Test func `nothing is computed ahead beside a crop once its first row is known`() throws {
        let board = Board(), store = board.store(workers: 1, ahead: 1)
        for top in stride(from: 0, to: Board.height, by: 5) { try Board.check(Rect(left: 10, top: top, width: 10, height: 5), store) }
        store.close()
        // Column 1 of every row, and at most one cell of the first row on speculation.
        #expect(Set(board.counts.keys).isSuperset(of: [1, 5, 9]) && board.counts.keys.allSatisfy { [1, 5, 9].contains($0) || $0 < 4 })
    }

    @Test func `a failure reaches who asks, and ends the work ahead`() throws {
        let board = Board(), store = board.store(workers: 2, ahead: 6)
        board.limit.store(5, ordering: .relaxed)
        let error = #expect(throws: StageError.self) {
            for top in stride(from: 0, to: Board.height, by: 5) { try Board.check(Rect(left: 0, top: top, width: Board.width, height: 5), store) }
        }
        #expect(error?.message.contains("failed") == true)
        store.close()
        #expect(board.counts.keys.allSatisfy { $0 < 5 })
    }

    @Test func `what fails ahead and nobody asks for fails nothing`() throws {
        let board = Board(), store = board.store(workers: 2, ahead: 6)
        board.limit.store(6, ordering: .relaxed)
        // The first row, whose right cells may let others be tried that fail.
        for top in [0, 5] { try Board.check(Rect(left: 0, top: top, width: Board.width, height: 5), store) }
        store.close()
        try Board.check(Rect(left: 0, top: 10, width: 20, height: 10), store)
        #expect(throws: StageError.self) { try Board.check(Rect(left: 20, top: 10, width: 10, height: 10), store) }
    }

    @Test func `a cell that is wanted again is kept from then on`() throws {
        let board = Board(), store = board.store(workers: 0, ahead: 0)
        let cell = Rect(left: 0, top: 0, width: 10, height: 10)
        for _ in 0..<5 { try Board.check(cell, store) }
        #expect(board.counts == [0: 2])
    }

    @Test func `cells are heard of in the order in which they are taken up, and when they end`() throws {
        let heard = Mutex<[Int]>([]), ended = Mutex<Set<Int>>([])
        let watch = CellStore.Watch { column, row in heard.withLock { $0.append(row * 4 + column) } } ends: { column, row in ended.withLock { _ = $0.insert(row * 4 + column) } }
        let store = CellStore(columns: 4, rows: 3, workers: 3, ahead: 6, watch: watch, isCancelled: { false }) { column, row in
            #expect(heard.withLock { $0.contains(row * 4 + column) } && !ended.withLock { $0.contains(row * 4 + column) })
            return CellPixels(area: Rect(left: column * 10, top: row * 10, width: 10, height: 10), bands: 1)
        }
        var pixels = [Float](repeating: 0, count: 1200)
        try pixels.withUnsafeMutableBytes { bytes in
            try store.read(Rect(left: 0, top: 0, width: 40, height: 30), columns: 0...3, rows: 0...2, into: OutputPixels(base: try #require(bytes.baseAddress), rowStride: 160))
        }
        store.close()
        #expect(heard.withLock { $0.sorted() } == Array(0..<12) && ended.withLock { $0.count } == 12)
    }

    @Test func `an image that was given up computes nothing ahead`() throws {
        let board = Board(), store = board.store(workers: 2, ahead: 6, isCancelled: { true })
        try Board.check(Rect(left: 0, top: 0, width: 10, height: 10), store)
        store.close()
        #expect(board.counts == [0: 1])
    }
}

@Suite struct StreamedInputTests {
    private func picture(_ width: Int, _ height: Int) throws -> Image {
        try VipsLibrary.start()
        return try Image.samples((0..<width * height * 3).map { UInt8($0 % 251) }, width: width, height: height, bands: 3, format: .uchar, interpretation: .srgb)
    }

    @Test func `tiles of a streamed image have the pixels of the image`() throws {
        let image = try picture(70, 200), input = StreamedInput(image, keptRows: 80)
        for top in stride(from: 0, to: 160, by: 20) {
            for left in [0, 13, 40] {
                let rect = Rect(left: left, top: top, width: 30, height: 40)
                let isSame = try input.withPixels(in: rect) { base, rowStride in
                    (0..<40).allSatisfy { y in
                        (0..<90).allSatisfy { (base + y * rowStride).load(fromByteOffset: $0, as: UInt8.self) == UInt8((((top + y) * 70 + left) * 3 + $0) % 251) }
                    }
                }
                #expect(isSame)
            }
        }
    }

    @Test func `rows that a slow tile holds stay, however far others are`() throws {
        let input = StreamedInput(try picture(10, 900), keptRows: 40)
        input.hold(from: 0)
        input.hold(from: 100)
        try input.withPixels(in: Rect(left: 0, top: 850, width: 10, height: 50)) { _, _ in }
        try input.withPixels(in: Rect(left: 0, top: 0, width: 10, height: 10)) { base, _ in #expect(base.load(as: UInt8.self) == 0) }
        input.release(from: 0)
        input.release(from: 100)
    }

    /// One column of cells, whose first threads are the slowest.
    @Test func `many threads down one column find their rows`() throws {
        let image = try picture(40, 1600), input = StreamedInput(image, keptRows: 120)
        let watch = CellStore.Watch { _, row in input.hold(from: row * 40) } ends: { _, row in input.release(from: row * 40) }
        let store = CellStore(columns: 1, rows: 40, workers: 8, ahead: 16, watch: watch, isCancelled: { false }) { _, row in
            if row % 8 == 0 { Thread.sleep(forTimeInterval: 0.03) }
            return try input.withPixels(in: Rect(left: 0, top: row * 40, width: 40, height: 40)) { base, _ in
                let cell = CellPixels(area: Rect(left: 0, top: row * 40, width: 40, height: 40), bands: 1)
                for y in 0..<40 { for x in 0..<40 { cell.pixel(x: x, y: row * 40 + y).pointee = Float(base.load(fromByteOffset: (y * 40 + x) * 3, as: UInt8.self)) } }
                return cell
            }
        }
        var pixels = [Float](repeating: 0, count: 40 * 1600)
        try pixels.withUnsafeMutableBytes { bytes in
            for row in 0..<40 {
                try store.read(Rect(left: 0, top: row * 40, width: 40, height: 40), columns: 0...0, rows: row...row,
                               into: OutputPixels(base: try #require(bytes.baseAddress) + row * 40 * 160, rowStride: 160))
            }
        }
        store.close()
        #expect(pixels.indices.allSatisfy { pixels[$0] == Float($0 * 3 % 251) })
    }

    @Test func `rows that were let go are an error, not other pixels`() throws {
        let input = StreamedInput(try picture(10, 300), keptRows: 40)
        try input.withPixels(in: Rect(left: 0, top: 250, width: 10, height: 40)) { _, _ in }
        #expect(throws: VipsError.self) { try input.withPixels(in: Rect(left: 0, top: 0, width: 10, height: 10)) { _, _ in } }
    }

    @Test func `a file that is decoded as it is read gives its pixels`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "aquatint-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let path = folder + "/a.png"
        try picture(300, 500).save(path)
        let streamed = StreamedInput(try Image.load(path, access: .sequential), keptRows: 100)
        let whole = try Image.load(path).bytes()
        for top in stride(from: 0, through: 450, by: 50) {
            try streamed.withPixels(in: Rect(left: 0, top: top, width: 300, height: 50)) { base, rowStride in
                #expect(rowStride == 900 && UnsafeRawBufferPointer(start: base, count: 900 * 50).elementsEqual(whole[top * 900..<(top + 50) * 900]))
            }
        }
    }
}
