internal import Dispatch
internal import Synchronization
internal import Vips

/// The computed pixels of one cell of a stage's result: bands interleaved, row by row.
final class CellPixels: Sendable {
    /// Where the cell lies in the result.
    let area: Rect
    let bands: Int
    /// All samples of a pixel.
    let bytesPerPixel: Int
    /// `area.width * area.height` pixels. Written by who makes the cell, before anyone else sees it.
    nonisolated(unsafe) let bytes: UnsafeMutableRawPointer

    /// - Parameter bytesPerSample: 4 for the floats of a network.
    init(area: Rect, bands: Int, bytesPerSample: Int = MemoryLayout<Float>.stride) {
        self.area = area
        self.bands = bands
        bytesPerPixel = bands * bytesPerSample
        bytes = .allocate(byteCount: max(1, area.width * area.height * bytesPerPixel), alignment: 64)
    }

    deinit { bytes.deallocate() }

    /// The first sample of a pixel of the cell, in the result's coordinates.
    func address(x: Int, y: Int) -> UnsafeMutableRawPointer { bytes + ((y - area.top) * area.width + (x - area.left)) * bytesPerPixel }

    /// The first float of a pixel of a cell of floats.
    func pixel(x: Int, y: Int) -> UnsafeMutablePointer<Float> { address(x: x, y: y).assumingMemoryBound(to: Float.self) }
}

/// The cells of one result: each computed once while anybody wants it, and the next ones ahead of the demand, so that all cores compute while
/// others decode, save, or wait for a cell that is not ready.
///
///     asked for:   row r    [ done ][ done ][ wanted ][ ahead ][ ahead ][      ]      ahead: never more than `ahead` that nobody has read
///                  row r+1  [      ][      ]                                         done: let go once every pixel was read
///
/// Whoever wants a cell that nobody computes computes it himself; only cells that another thread is computing are waited for. So no chain of stages can come to
/// a standstill, however few threads there are.
final class CellStore: Sendable {
    typealias Compute = @Sendable (_ column: Int, _ row: Int) throws -> CellPixels

    /// Hears of each cell before it is computed, in the order in which cells are taken up, and after it.
    struct Watch: Sendable {
        var begins: @Sendable (_ column: Int, _ row: Int) -> Void = { _, _ in }
        var ends: @Sendable (_ column: Int, _ row: Int) -> Void = { _, _ in }
    }

    let columns: Int
    let rows: Int
    /// Cells computed ahead that nobody has read yet, at most.
    let ahead: Int
    /// Threads that compute ahead.
    let workers: Int
    private let compute: Compute
    private let watch: Watch
    private let isCancelled: @Sendable () -> Bool

    /// A cell that one thread computes and others may wait for.
    private final class Computation: Sendable {
        let isDone = DispatchGroup()
        let result = Mutex<Result<CellPixels, any Error>?>(nil)
        init() { isDone.enter() }

        func end(_ outcome: Result<CellPixels, any Error>) {
            result.withLock { $0 = outcome }
            isDone.leave()
        }

        func wait() throws -> CellPixels {
            isDone.wait()
            guard let outcome = result.withLock({ $0 }) else { throw StageError.host("a cell was given up") }
            return try outcome.get()
        }
    }

    private enum Slot {
        case computing(Computation)
        case ready(CellPixels, Reading)
    }

    /// How much of a cell was read.
    private struct Reading {
        /// Pixels read of every line.
        var lines: [Int]
        var total = 0
        var lastUse = 0
        var isRead: Bool { total > 0 }
    }

    private struct State {
        var slots: [Int: Slot] = [:]
        var pending: [Int] = []
        var active = 0
        var clock = 0
        var isClosed = false
        /// Somebody reads a pixel twice: cells are then kept for two rows, whatever was read of them.
        var rereads = false
        /// Cells that were computed once: whoever wants one again says so himself.
        var made: Set<Int> = []
        /// The columns that were asked for so far. Below the first row, nothing is computed ahead beside them.
        var seen: ClosedRange<Int>?
        var firstRow = 0
        var lastRow = 0
        var failure: (any Error)?
    }

    private let state = Mutex(State())
    private let running = DispatchGroup()
    private static let queue = DispatchQueue(label: "aquatint.cells", attributes: .concurrent)

    /// - Parameter compute: makes a cell; any thread, several at a time.
    init(columns: Int, rows: Int, workers: Int, ahead: Int, watch: Watch = Watch(), isCancelled: @escaping @Sendable () -> Bool, compute: @escaping Compute) {
        self.columns = columns
        self.rows = rows
        self.workers = workers
        self.ahead = ahead
        self.watch = watch
        self.isCancelled = isCancelled
        self.compute = compute
    }

    /// Copies the part of the result that is asked for to `output`, cell after cell.
    func read(_ area: Rect, columns: ClosedRange<Int>, rows: ClosedRange<Int>, into output: OutputPixels) throws {
        for row in rows {
            for column in columns {
                let cell = try self.cell(column, row)
                copy(cell, area, output)
                delivered(cell, area, column, row)
            }
        }
    }

    private func copy(_ cell: CellPixels, _ area: Rect, _ output: OutputPixels) {
        guard let part = cell.area.intersection(area) else { return }
        for y in part.top..<part.top + part.height {
            let line = output.base + (y - area.top) * output.rowStride + (part.left - area.left) * cell.bytesPerPixel
            line.copyMemory(from: cell.address(x: part.left, y: y), byteCount: part.width * cell.bytesPerPixel)
        }
    }

    // MARK: the demand

    private enum Turn {
        case ready(CellPixels)
        case wait(Computation)
        case compute(Computation)
    }

    private func cell(_ column: Int, _ row: Int) throws -> CellPixels {
        let index = row * columns + column
        let turn = try state.withLock { state throws -> Turn in
            if let failure = state.failure { throw failure }
            noteDemand(column, row, &state)
            let turn = claim(index, &state)
            lookAhead(from: column, row, &state)
            return turn
        }
        startWorkers()
        do {
            switch turn {
            case .ready(let cell): return cell
            case .wait(let computation): return try computation.wait()
            case .compute(let computation): return try make(index, computation)
            }
        } catch {
            // The image has failed with it: nobody computes the rest.
            state.withLock { state in
                state.failure = state.failure ?? error
                state.pending.removeAll()
            }
            throw error
        }
    }

    private func noteDemand(_ column: Int, _ row: Int, _ state: inout State) {
        if let seen = state.seen {
            state.seen = min(seen.lowerBound, column)...max(seen.upperBound, column)
        } else {
            state.seen = column...column
            (state.firstRow, state.lastRow) = (row, row)
        }
        guard row > state.lastRow, let seen = state.seen else { return }
        state.lastRow = row
        // What was computed ahead beside the part that is read (a crop) would take the places of what is needed.
        for (index, slot) in state.slots {
            guard case .ready(_, let reading) = slot, !reading.isRead, index / columns < row, !seen.contains(index % columns) else { continue }
            state.slots[index] = nil
        }
    }

    private func claim(_ index: Int, _ state: inout State) -> Turn {
        state.clock += 1
        switch state.slots[index] {
        case .ready(let cell, var reading)?:
            reading.lastUse = state.clock
            state.slots[index] = .ready(cell, reading)
            return .ready(cell)
        case .computing(let computation)?: return .wait(computation)
        case nil:
            if state.made.contains(index) { state.rereads = true }
            return .compute(begin(index, &state))
        }
    }

    private func begin(_ index: Int, _ state: inout State) -> Computation {
        let computation = Computation()
        state.slots[index] = .computing(computation)
        watch.begins(index % columns, index / columns)
        return computation
    }

    private func make(_ index: Int, _ computation: Computation) throws -> CellPixels {
        let outcome = Result { try compute(index % columns, index / columns) }
        watch.ends(index % columns, index / columns)
        // A cell that failed stays as it is: its failure is for who asks for it, which for one computed ahead may be nobody.
        if case .success(let cell) = outcome {
            state.withLock { state in
                state.clock += 1
                state.made.insert(index)
                state.slots[index] = .ready(cell, Reading(lines: Array(repeating: 0, count: cell.area.height), lastUse: state.clock))
                makeRoom(&state)
            }
        }
        computation.end(outcome)
        return try outcome.get()
    }

    /// Lets a cell go whose last pixel was read, as long as nobody reads pixels twice.
    private func delivered(_ cell: CellPixels, _ area: Rect, _ column: Int, _ row: Int) {
        guard let part = cell.area.intersection(area) else { return }
        let index = row * columns + column
        state.withLock { state in
            guard case .ready(let kept, var reading)? = state.slots[index], kept === cell else { return }
            for line in part.top - cell.area.top..<part.top - cell.area.top + part.height {
                reading.lines[line] += part.width
                if reading.lines[line] > cell.area.width { state.rereads = true }
            }
            reading.total += part.width * part.height
            state.slots[index] = .ready(kept, reading)
            if !state.rereads, reading.total >= cell.area.width * cell.area.height { state.slots[index] = nil }
        }
    }

    /// Two rows of cells and those ahead are kept at most; the longest unused go first.
    private func makeRoom(_ state: inout State) {
        let limit = 2 * columns + ahead + 2
        while state.slots.count > limit {
            var oldest: (index: Int, use: Int)?
            for (index, slot) in state.slots {
                guard case .ready(_, let reading) = slot, reading.isRead, oldest.map({ reading.lastUse < $0.use }) ?? true else { continue }
                oldest = (index, reading.lastUse)
            }
            guard let oldest else { return }
            state.slots[oldest.index] = nil
        }
    }

    // MARK: ahead of the demand

    /// Lines up the cells after the one that was asked for, in the order of the rows.
    private func lookAhead(from column: Int, _ row: Int, _ state: inout State) {
        guard workers > 0, !state.isClosed, state.failure == nil else { return }
        var unread = state.pending.count
        for slot in state.slots.values {
            switch slot {
            case .computing: unread += 1
            case .ready(_, let reading): unread += reading.isRead ? 0 : 1
            }
        }
        // In the first row that is asked for, nobody knows yet how far it goes.
        let known = state.seen ?? column...column
        let range = row == state.firstRow ? known.lowerBound...(columns - 1) : known
        var (x, y) = (column, row)
        while unread < ahead {
            x += 1
            if x > range.upperBound { (x, y) = (range.lowerBound, y + 1) }
            guard y < rows else { return }
            let index = y * columns + x
            if state.slots[index] != nil || state.made.contains(index) || state.pending.contains(index) { continue }
            state.pending.append(index)
            unread += 1
        }
    }

    private func startWorkers() {
        let new = state.withLock { state -> Int in
            let new = max(0, min(workers - state.active, state.pending.count))
            state.active += new
            for _ in 0..<new { running.enter() }
            return new
        }
        for _ in 0..<new {
            Self.queue.async { [self] in
                work()
                running.leave()
            }
        }
    }

    private func work() {
        while let (index, computation) = state.withLock({ state -> (Int, Computation)? in
            while !state.pending.isEmpty, !state.isClosed, !isCancelled() {
                let index = state.pending.removeFirst()
                guard state.slots[index] == nil, !state.made.contains(index) else { continue }
                return (index, begin(index, &state))
            }
            state.active -= 1
            return nil
        }) {
            _ = try? make(index, computation)
        }
    }

    /// Ends all work ahead of the demand, and waits for what is being computed. Cells can still be asked for.
    func close() {
        state.withLock { state in
            state.isClosed = true
            state.pending.removeAll()
        }
        running.wait()
    }
}
