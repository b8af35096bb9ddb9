public import Inference
import Synchronization

/// What stages need to know of the image being worked on: whether it was given up, and where to say things.
///
/// One per image in flight. It outlives the lazily evaluated images that were built with it.
public final class ImageContext: Sendable {
    private let cancelledFlag = Atomic<Bool>(false)
    private let failure = Mutex<StageError?>(nil)
    private let spokenNotes = Mutex<[String]>([])
    private let missesProbes = Atomic<Bool>(false)
    private let endings = Mutex<[@Sendable () -> Void]>([])
    private let clocks = Mutex<[StageClock]>([])
    private let files = Mutex<[String]>([])
    /// One bit for each `Precision`, in their order.
    private let arithmetic = Atomic<Int>(0)

    /// Bytes that the stages of this image may use together, roughly.
    public let memoryBudget: Int

    /// What a picture is taken through its pipeline for.
    public enum Purpose: Sendable {
        /// For its outputs.
        case making
        /// For its networks to choose their arithmetic: nothing of it is computed but what they are tried on.
        case deciding
        /// To show how it would be made: whatever that depends on is found out, numbers and halos included.
        case explaining
    }

    public let purpose: Purpose

    /// Whether no output follows: what several of them would share is not computed for them.
    public var isOnlyLookedAt: Bool { purpose != .making }

    public init(memoryBudget: Int, for purpose: Purpose = .making) {
        self.memoryBudget = memoryBudget
        self.purpose = purpose
    }

    /// True once the image was given up: Ctrl-C, or a time limit.
    public var isCancelled: Bool { cancelledFlag.load(ordering: .relaxed) }
    public func cancel() { cancelledFlag.store(true, ordering: .relaxed) }

    /// True once a network wanted to be tried on parts of the picture which is decoded from top to bottom: open it for reading in any order, and begin again.
    public var wantsRandomAccess: Bool { missesProbes.load(ordering: .relaxed) }
    func wishForRandomAccess() { missesProbes.store(true, ordering: .relaxed) }

    /// What a stage said while pixels were computed, which libvips can only pass on as text. The first one counts: the
    /// later ones follow from it.
    public var firstFailure: StageError? { failure.withLock { $0 } }

    func record(_ error: StageError) {
        failure.withLock { if $0 == nil { $0 = error } }
    }

    /// Something the user should know about how this image was treated. Each text is kept once.
    public func note(_ text: String) {
        spokenNotes.withLock { if !$0.contains(text) { $0.append(text) } }
    }

    public var notes: [String] { spokenNotes.withLock { $0 } }

    /// The clock of all uses of a stage on this image.
    func clock(of stage: String) -> StageClock {
        clocks.withLock { clocks in
            if let known = clocks.first(where: { $0.stage == stage }) { return known }
            let made = StageClock(stage: stage)
            clocks.append(made)
            return made
        }
    }

    /// What the image's plug-in stages and networks have taken so far, in the order in which they came up, without those that computed nothing.
    public var stageSeconds: [(stage: String, seconds: Double)] {
        clocks.withLock { $0 }.map { ($0.stage, $0.seconds) }.filter { $0.1 > 0 }
    }

    /// Remembers that a stage was given a file.
    public func use(_ path: String) {
        files.withLock { files in if !files.contains(where: { $0.utf8.elementsEqual(path.utf8) }) { files.append(path) } }
    }

    /// The files that stages were given for this image, each once.
    public var usedFiles: [String] { files.withLock { $0 } }

    /// Remembers that a network has computed pixels of this image, and in what.
    func computed(in precision: Precision) {
        guard let index = Precision.allCases.firstIndex(of: precision) else { return }
        arithmetic.bitwiseOr(1 << index, ordering: .relaxed)
    }

    /// What the networks have computed in so far: several where they differ, or where one overflowed and was run again.
    public var precisions: [Precision] {
        let bits = arithmetic.load(ordering: .relaxed)
        return Precision.allCases.enumerated().filter { bits & 1 << $0.offset != 0 }.map(\.element)
    }

    /// Keeps work that must end with the image: threads that compute ahead of the demand.
    func atEnd(_ end: @escaping @Sendable () -> Void) { endings.withLock { $0.append(end) } }

    /// Ends what goes on behind the image, and waits for it. To be called once nobody reads its pixels any more, also after a failure: a process
    /// that ends while a thread is inside the inference engine crashes.
    public func finish() {
        let all = endings.withLock { endings in
            defer { endings.removeAll() }
            return endings
        }
        for end in all { end() }
    }
}
