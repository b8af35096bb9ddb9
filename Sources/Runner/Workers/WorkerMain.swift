internal import Foundation
internal import Inference
internal import PipelineLanguage
public import StageHost
internal import Synchronization
internal import Vips

/// The process that makes images for a supervisor: `aquatint worker`, started by ``WorkerProcess``.
///
///     supervisor ── begin, prepare, make, make, ... ──▶ reads orders ──▶ threads that compute ──▶ threads that commit
///                ◀── ready, progress, made, ... ───────────────────────────┤
///                ◀── (memory) what is called, how far each image is ────────┘
///
/// It ends when the supervisor closes the channel, or is gone: nothing partial stays behind then.
public final class WorkerMain: Sendable {
    private let channel: MessageChannel
    private let library: @Sendable ([String]) throws -> StageLibrary
    private let maker = Mutex<LocalMaker?>(nil)
    private let waiting = Mutex<[PlannedImage]>([])
    private let arrived = DispatchSemaphore(value: 0)
    private let lastResident = Mutex<(time: ContinuousClock.Instant, bytes: Int)>((.now - .seconds(1), 0))
    /// The image that this process has begun with, -1 before: whatever a plug-in has used up by then, it was not an earlier one.
    private let first = Atomic<Int>(-1)
    private let committer = Mutex<Committer?>(nil)
    /// Of the board.
    private let freePlaces = Mutex<[Int]>([])
    /// Seconds that an image takes to compute, of late; 0 before the first.
    private let pace = Mutex(0.0)
    private let supervisor = getppid()
    private let starting = DispatchQueue(label: "aquatint.start")

    /// - Parameters:
    ///   - channel: the descriptor of a socket, taken over.
    ///   - board: the descriptor of the supervisor's ``WorkerBoard``.
    ///   - library: libvips and the plug-ins of these folders.
    public init(channel: Int32, board: Int32, library: @escaping @Sendable ([String]) throws -> StageLibrary) {
        // Ctrl-C goes to every process of the terminal: what it means is for the supervisor to say. Handled, and not ignored: programs that a plug-in starts would
        // inherit that.
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ] { signal(number) { _ in } }
        var handled = Self.supervisorsSignals
        pthread_sigmask(SIG_UNBLOCK, &handled, nil)
        // Programs that a plug-in starts must not keep the socket open when this process is gone.
        for descriptor in [channel, board] { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        self.channel = MessageChannel(descriptor: channel)
        self.library = library
        WorkerBoard.attach(board, guarding: channel)
        // What a plug-in prints is for people; the supervisor's standard output is for programs.
        dup2(STDERR_FILENO, STDOUT_FILENO)
        // Where memory runs out, one image is to be lost, not the run.
        if let file = FileHandle(forWritingAtPath: "/proc/self/oom_score_adj") { try? file.write(contentsOf: Data("500".utf8)) }
    }

    /// What a supervisor obeys, and its workers do not.
    static var supervisorsSignals: sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM, SIGHUP] { sigaddset(&signals, number) }
        return signals
    }

    /// Whether these are what a supervisor starts a worker with.
    ///
    /// - Throws: `RunError` 64 where they are not.
    public static func check(channel: Int32, board: Int32) throws(RunError) {
        var kind: Int32 = 0, size = socklen_t(MemoryLayout<Int32>.size)
        let isSocket = getsockopt(channel, SOL_SOCKET, SO_TYPE, &kind, &size) == 0 && kind == Int32(SOCK_STREAM.rawValue)
        guard isSocket, WorkerBoard.isBoard(board) else {
            throw RunError(.usage, "'worker' is a part of 'run', which starts it with a socket and shared memory; by hand it does nothing", hint: "aquatint run PIPELINE INPUT... -o OUT")
        }
    }

    /// Serves until the supervisor has no more to do.
    public func run() {
        while let order = channel.receive(WorkerOrder.self) {
            switch order {
            // What a plug-in does there must not keep this thread from seeing that the supervisor is gone.
            case .begin(let setup): starting.async { [self] in begin(setup) }
            case .prepare(let images): starting.async { [self] in prepare(images) }
            case .make(let planned):
                committer.withLock { $0 }?.ordered()
                waiting.withLock { $0.append(planned) }
                arrived.signal()
            case .cancel(let index):
                maker.withLock { $0 }?.cancel(index)
                // One that has not begun never does.
                let queued = waiting.withLock { waiting in
                    waiting.firstIndex { $0.index == index }.map { waiting.remove(at: $0) }
                }
                if let queued, let maker = maker.withLock({ $0 }) {
                    answer(WorkerAnswer.failed(queued.index, FailedImage(ImageFailure("cancelled", "given up")), state: state(maker)))
                    committer.withLock { $0 }?.answered()
                }
            }
        }
        OutputTransaction.abandonAll()
        WorkerFolder.removeOwn()
        OwnProcesses.endDescendants()
        // The supervisor hangs up when there is nothing in hand, or is gone: otherwise somebody else has.
        if let committer = committer.withLock({ $0 }), committer.inHand > 0, getppid() == supervisor { _exit(Self.cannotAnswer) }
    }

    private func begin(_ setup: WorkerSetup) {
        do throws(RunError) {
            let maker = try made(setup)
            self.maker.withLock { $0 = maker }
            let committer = Committer(most: setup.waiting / 2)
            self.committer.withLock { $0 = committer }
            freePlaces.withLock { $0 = Array((0..<WorkerBoard.mostFlights).reversed()) }
            // With fewer threads than images may be computed, these wait.
            let started = (0..<maker.places).prefix { _ in SystemThread.start { [self] in serve(maker, committer) } }
            if started.isEmpty || !committer.start(threads: maker.places + Schedule.leastWaiting) { throw SystemThread.none }
            answer(WorkerAnswer.ready)
        } catch {
            answer(WorkerAnswer.refused(error))
        }
    }

    private func made(_ setup: WorkerSetup) throws(RunError) -> LocalMaker {
        VipsLibrary.returnLargeBlocks()
        let library: StageLibrary
        do {
            library = try self.library(setup.pluginPath)
        } catch {
            throw RunError(.unavailable, "\(error)")
        }
        VipsLibrary.setConcurrency(setup.threads)
        if setup.isVerbose { VipsLibrary.onWarning { text in FileHandle.standardError.write(Data("libvips: \(text)\n".utf8)) } }
        let pipeline: Pipeline
        do throws(Diagnostics) {
            pipeline = try Pipeline.read(SourceText(name: setup.name, text: setup.text)).0
        } catch {
            throw RunError(.invalidPipeline, error.all.map(\.message).joined(separator: "; "))
        }
        guard let precision = PrecisionRequest(name: setup.precision) else { throw RunError(.usage, "there is no precision '\(setup.precision)'") }
        var neural = NeuralSettings(precision: precision, device: setup.device, threads: setup.neuralThreads, isShared: setup.isShared, cacheFolder: setup.cacheFolder)
        neural.fuses = setup.fuses
        let request = try RunRequest(library: library, pipeline: pipeline, set: setup.set, neural: neural, memory: setup.memory)
        return LocalMaker(session: try RunSession(request), lanes: setup.lanes, memory: setup.memoryPerImage)
    }

    private func prepare(_ images: [PlannedImage]) {
        guard let maker = maker.withLock({ $0 }) else { return }
        do throws(RunError) {
            answer(WorkerAnswer.prepared(notes: try maker.prepare(images)))
        } catch {
            answer(WorkerAnswer.refused(error))
        }
    }

    private func serve(_ maker: LocalMaker, _ committer: Committer) {
        let channel = channel
        while true {
            arrived.wait()
            guard let planned = waiting.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) else { continue }
            _ = first.compareExchange(expected: -1, desired: planned.index, ordering: .relaxed)
            // Which of the images in hand it is on the board.
            guard let place = freePlaces.withLock({ $0.popLast() }) else { preconditionFailure("more images are in hand than there can be") }
            let start = ContinuousClock.now, lastTold = Mutex(start)
            @Sendable func done(_ result: Result<MadeImage, FailedImage>) {
                // Before the answer, for which the next image comes.
                WorkerBoard.setFlight(place, image: nil)
                freePlaces.withLock { $0.append(place) }
                switch result {
                case .success(let made): answer(WorkerAnswer.made(planned.index, made, state: state(maker)))
                case .failure(let error):
                    // A plug-in has used them up, and nothing can be opened any more. Where that was an earlier image, another process makes this one.
                    if isOutOfDescriptors(error), first.load(ordering: .relaxed) != planned.index { giveWay() }
                    answer(WorkerAnswer.failed(planned.index, error, state: state(maker)))
                    if isOutOfDescriptors(error) { giveWay() }
                }
                committer.answered()
            }
            do throws(FailedImage) {
                let computed = try maker.compute(planned) { progress in
                    switch progress {
                    case .begun: WorkerBoard.setFlight(place, image: planned.index, phase: Flight.Phase.computing.rawValue)
                    case .fraction(let fraction):
                        // As often as anybody looks.
                        let isDue = lastTold.withLock { last in
                            let now = ContinuousClock.now
                            guard now - last > .milliseconds(50) else { return false }
                            last = now
                            return true
                        }
                        if isDue { channel.send(WorkerAnswer.progress(planned.index, fraction)) }
                    case .failed: break
                    }
                }
                WorkerBoard.setFlight(place, image: planned.index, phase: Flight.Phase.committing.rawValue)
                pace.withLock { $0 = $0 == 0 ? (ContinuousClock.now - start).seconds : 0.8 * $0 + 0.2 * (ContinuousClock.now - start).seconds }
                committer.commit(Committer.Item(image: computed, done: done))
            } catch {
                done(.failure(error))
            }
        }
    }

    /// Tells the supervisor what has become of an image. Where that cannot be told (a plug-in has closed the socket), the end of this process tells that something is wrong.
    private func answer(_ answer: WorkerAnswer) {
        if !channel.send(answer) { _exit(Self.cannotAnswer) }
    }

    /// The status of a worker whose socket is gone, while its supervisor is there: EX_OSERR.
    static let cannotAnswer: Int32 = 71

    /// Leaves: this process cannot go on, and no image in hand is to blame.
    private func giveWay() -> Never {
        WorkerBoard.giveWay()
        _exit(Self.givesWay)
    }

    /// The status of a worker that gives way: EX_TEMPFAIL.
    private static let givesWay: Int32 = 75

    /// Whether an image failed for want of them; those that it held itself are free again.
    private func isOutOfDescriptors(_ error: FailedImage) -> Bool {
        FileStatus.isOutOfDescriptors || error.failure.message.contains(String(cString: strerror(EMFILE)))
    }

    private func state(_ maker: LocalMaker) -> WorkerState {
        // What small images leave behind is seen soon enough.
        let resident = lastResident.withLock { last in
            let now = ContinuousClock.now
            if now - last.time > .milliseconds(20) { last = (now, ProcessMemory.resident(of: getpid()) ?? 0) }
            return last.bytes
        }
        return WorkerState(notes: maker.newNotes(), resident: resident, pace: pace.withLock { $0 })
    }
}
