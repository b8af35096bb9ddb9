internal import CStageMarks
internal import Glibc

/// Says which foreign code this process is in, for the one who has to explain how it ended: see `stage_marks.h`.
enum StageMarks {
    /// Calls foreign code.
    ///
    /// - Parameter call: the text of a ``WorkerBoard/Call``.
    static func during<Result, Failure: Error>(_ call: String, _ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        let mark = call.withCString { aqt_mark_enter($0) }
        defer { aqt_mark_leave(mark) }
        return try body()
    }
}

/// A page of memory that a worker process writes what it calls on, and its supervisor reads when it has ended.
public final class WorkerBoard: Sendable {
    /// The memory as a file: handed to the worker.
    public let descriptor: Int32
    private nonisolated(unsafe) let memory: UnsafeMutableRawPointer

    /// Foreign code that a thread is, or was, in.
    public struct Call: Sendable, Hashable {
        /// The id of the stage, or an empty text.
        public var stage: String
        /// The name of the plug-in, or an empty text for the inference engine.
        public var plugin: String
        /// `process()`, or what the engine does.
        public var function: String

        /// The three with tabs between them.
        static func text(stage: String, plugin: String, function: String) -> String { "\(stage)\t\(plugin)\t\(function)" }

        init?(text: String) {
            let parts = text.split(separator: "\t", omittingEmptySubsequences: false).map { cleaned(String($0)) }
            guard parts.count == 3 else { return nil }
            (stage, plugin, function) = (parts[0], parts[1], parts[2])
        }
    }

    /// Makes an empty board; nil where the system has no memory for it.
    public init?() {
        descriptor = aqt_mark_board_create()
        guard descriptor >= 0, let memory = mmap(nil, aqt_mark_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), memory != MAP_FAILED else {
            if descriptor >= 0 { close(descriptor) }
            return nil
        }
        self.memory = memory
    }

    deinit {
        munmap(memory, aqt_mark_board_size())
        close(descriptor)
    }

    /// The signal by which the worker faulted, and what the thread that it hit was calling; nil where it did not fault, or could not say so.
    public var fault: (signal: Int32, call: Call?)? {
        let number = aqt_mark_signal(memory)
        guard number != 0 else { return nil }
        return (number, call(in: aqt_mark_signal_slot(memory) - 1))
    }

    /// All calls that have not returned.
    public var calls: [Call] { (0..<Int32(AQT_MARK_SLOTS)).compactMap(call(in:)) }

    /// The call that began last, whether it has returned or not.
    public var latestCall: Call? { call { aqt_mark_read_latest(memory, $0) } }

    /// The call that has closed the descriptor which the worker guards: see ``attach(_:guarding:)``.
    public var cutOffBy: Call? { call { aqt_mark_read_cut_off(memory, $0) } }

    /// The first of the calls of these functions that has gone on for longer than so many seconds.
    public func call(of functions: Set<String>, longerThan seconds: Double) -> Call? {
        for slot in 0..<Int32(AQT_MARK_SLOTS) {
            // Read in this order: a call that has just begun is never given the age of the last one.
            if let call = call(in: slot), functions.contains(call.function), aqt_mark_age(memory, slot) > seconds { return call }
        }
        return nil
    }

    private func call(in slot: Int32) -> Call? { call { aqt_mark_read(memory, slot, $0) } }

    private func call(_ read: (UnsafeMutablePointer<CChar>) -> Void) -> Call? {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(AQT_MARK_TEXT)) { text in
            guard let base = text.baseAddress else { return nil }
            read(base)
            return Call(text: String(cString: base))
        }
    }

    /// How far the worker is with each image that it has in hand, and has begun.
    ///
    /// - Parameter places: how many images it takes.
    public func flights(places: Int) -> [(image: Int, phase: Int32)] {
        (0..<Int32(min(places, Self.mostFlights))).compactMap { place in
            var image: Int64 = 0, phase: Int32 = 0
            return aqt_flight_read(memory, place, &image, &phase) == 0 ? nil : (Int(image), phase)
        }
    }

    /// Images that a worker can have in hand.
    public static let mostFlights = Int(AQT_FLIGHT_SLOTS)

    /// Says how far this process is with an image: for the supervisor to look at, which costs neither of them a message.
    ///
    /// - Parameters:
    ///   - place: which of the images in hand, from 0: one for each.
    ///   - image: its number, from 0; nil: the place is free.
    ///   - phase: 0...255.
    public static func setFlight(_ place: Int, image: Int?, phase: Int32 = 0) { aqt_flight_set(Int32(clamping: place), Int64(image ?? -1), phase) }

    /// Says that this process leaves because it cannot go on, and no image that it has in hand is to blame. A plug-in may end it with any status.
    public static func giveWay() { aqt_mark_gives_way() }

    /// Whether the worker has said so.
    public var gaveWay: Bool { aqt_mark_gave_way(memory) != 0 }

    /// Makes the board of that descriptor the one that this process writes to for the rest of its life, and has faults recorded on it.
    ///
    /// - Parameter channel: what foreign code must leave open: this process leaves as soon as that is gone, and the board says who it was.
    public static func attach(_ descriptor: Int32, guarding channel: Int32) {
        aqt_marks_guard(channel)
        let memory = mmap(nil, aqt_mark_board_size(), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let memory, memory != MAP_FAILED else { return }
        aqt_marks_attach(memory)
        aqt_marks_handle_faults()
    }

    /// Whether a descriptor is that of a board.
    public static func isBoard(_ descriptor: Int32) -> Bool {
        var status = stat()
        return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_size == aqt_mark_board_size()
    }

    /// For a process without a supervisor: writes `words` to standard error should it fault. An empty text: nothing is left to say.
    public static func setLastWords(_ words: String) {
        if words.isEmpty { aqt_marks_last_words(nil) } else { words.withCString { aqt_marks_last_words($0) } }
    }

    /// `fork()`: see `stage_marks.h`.
    public static func fork() -> Int32 { aqt_fork() }

    public static func handleFaults() { aqt_marks_handle_faults() }
}
