internal import Foundation
internal import Inference
internal import StageHost
internal import Synchronization

/// One place in the workforce: a worker process, and the next one where that is lost or has grown too large.
///
/// Every method from any thread. The process is started when it is needed first.
final class SupervisedWorker: Sendable {
    /// Images that it can have in hand.
    let places: Int
    /// How many of its places are used now.
    private let allowed: Atomic<Int>
    private let setup: WorkerSetup
    private let limits: WorkerLimits
    /// How a stage's id is shown: with its place in the pipeline.
    private let stageLabel: @Sendable (String) -> String?
    /// What the stages read beside the images, as it was when the run began.
    private let ingredients: [PathKey: FileStatus?]

    private struct State {
        /// A process that was made beforehand, for the first start.
        var reserve: WorkerProcess?
        var process: WorkerProcess?
        /// One that has not taken its setup yet.
        var starting: WorkerProcess?
        var isStarting = false
        /// What networks choose their arithmetic on, in every process alike.
        var rehearsal: [PlannedImage] = []
        var flights: [Int: Flight] = [:]
        /// One image has the worker for itself.
        var isReserved = false
        /// Grown too large: no more images, and another process once the last one is made.
        var isRetiring = false
        var isAbandoned = false
        /// Why the watch has ended the process; with the index of the image that it was for, where it was for one.
        var verdict: (index: Int?, failure: ImageFailure)?
        /// What it held after its first images: more than that is growth.
        var restingMemory: Int?
        var madeCount = 0
        /// The processor time that it had used when that was last seen to have grown, and how often it was looked at since.
        var lastActivity: (time: Double, looks: Int)?
        /// When it was looked at last.
        var lastLook: SuspendingClock.Instant?
        /// Threads that have an image for it, made or waiting.
        var callers = 0
        /// Images that wait to have it for themselves: no others are let in before them.
        var waitingAlone = 0
        var notes: [String] = []
        /// Whether a process of this place has been ready once.
        var hasServed = false
        /// Why the system has no process for this place.
        var startProblem: RunError?
    }

    private let state: Monitor<State>

    /// - Parameter reserve: a process that has no setup yet; nil: started when it is needed.
    init(setup: WorkerSetup, limits: WorkerLimits, reserve: WorkerProcess?, ingredients: [PathKey: FileStatus?], stageLabel: @escaping @Sendable (String) -> String?) {
        self.ingredients = ingredients
        state = Monitor(State(reserve: reserve))
        (self.setup, self.limits, self.stageLabel) = (setup, limits, stageLabel)
        places = min(setup.lanes + setup.waiting, WorkerBoard.mostFlights)
        allowed = Atomic(min(setup.lanes + Schedule.leastWaiting, places))
    }

    /// Images that it may have in hand: beside those computed, as many as are computed in a moment, and two at least. Files that are not small are only ever two ahead: a
    /// run that is stopped waits for them, and another worker may be free earlier.
    var allowance: Int { allowed.load(ordering: .relaxed) }

    /// Images in hand.
    var load: Int { state.withLock { $0.callers } }

    /// Why the system has no process for this place; nil where it has, or was not asked.
    var startProblem: RunError? { state.withLock { $0.startProblem } }
    var isServing: Bool { state.withLock { $0.process != nil && $0.startProblem == nil } }

    func newNotes() -> [String] {
        state.withLock { state in
            defer { state.notes = [] }
            return state.notes
        }
    }

    // MARK: images

    func prepare(_ images: [PlannedImage]) throws(RunError) -> [String] {
        state.withLock { $0.rehearsal = images }
        try start()
        return newNotes()
    }

    func make(_ planned: PlannedImage, while isWanted: () -> Bool, progress: @escaping @Sendable (ImageProgress) -> Void) throws(FailedImage) -> MadeImage? {
        var isAlone = false, losses = 0
        state.withLock { $0.callers += 1 }
        defer { state.withLock { $0.callers -= 1 } }
        while true {
            let flight = Flight(planned, progress: progress)
            do throws(RunError) {
                guard try admit(flight, alone: isAlone, while: isWanted) else { return nil }
            } catch {
                throw FailedImage(ImageFailure("worker", error.description, endsRun: error))
            }
            let outcome = flight.wait()
            if isAlone { state.withLock { $0.isReserved = false } }
            switch outcome {
            case .made(let made): return made
            case .failed(let failure): throw failure
            case .lost(let failure, let blame):
                losses += 1
                if blame == .certain || losses > 12 || state.withLock({ $0.isAbandoned }) { throw failure }
                // Several images were computed in that process: whichever it was is lost again when it is alone. One that others took down again and again gets that chance, too.
                isAlone = blame == .suspected || losses > 2
            }
        }
    }

    /// Gives up what is being made.
    func abandon() {
        let (process, indices) = state.withLock { state in
            state.isAbandoned = true
            return (state.process, Array(state.flights.keys))
        }
        for index in indices { process?.channel.send(WorkerOrder.cancel(index)) }
        DispatchQueue.global().asyncAfter(deadline: .now() + WorkerLimits.grace) { [self] in
            state.withLock { state in
                state.starting?.kill()
                guard !state.flights.isEmpty else { return }
                state.verdict = (nil, ImageFailure("cancelled", "given up"))
                state.process?.kill()
            }
        }
    }

    /// Ends the process, which has nothing to do any more, and waits for its end.
    func close() {
        let (running, reserve) = state.withLock { ($0.process, $0.reserve) }
        if let reserve {
            reserve.channel.hangUp()
            _ = reserve.wait()
        }
        guard let process = running else { return }
        process.channel.hangUp()
        _ = process.ends(within: WorkerLimits.grace)
        process.kill()
        // A child of a plug-in may hold the socket for as long as it likes.
        process.channel.cut()
        state.wait { state in state.process == nil ? () : nil }
    }

    /// Waits for a place, and hands the image over.
    ///
    /// - Returns: whether it was still wanted then.
    private func admit(_ flight: Flight, alone: Bool, while isWanted: () -> Bool) throws(RunError) -> Bool {
        if alone { state.withLock { $0.waitingAlone += 1 } }
        defer { if alone { state.withLock { $0.waitingAlone -= 1 } } }
        while true {
            try start()
            let process = state.wait { state -> WorkerProcess?? in
                guard isWanted() else { return .some(nil) }
                // Gone meanwhile.
                guard let process = state.process else { return .some(nil) }
                let isFree = !state.isReserved && (alone ? state.flights.isEmpty : state.waitingAlone == 0 && state.flights.count < room(for: flight, among: state.flights))
                guard isFree, !state.isRetiring else { return nil }
                // After an idle hour, nothing has been at a standstill.
                if state.flights.isEmpty { (state.lastActivity, state.lastLook) = (nil, nil) }
                state.flights[flight.index] = flight
                state.isReserved = alone
                return .some(process)
            }
            if let process {
                // Where the order does not arrive, the end of the process, which its reader sees, is the answer.
                process.channel.send(WorkerOrder.make(flight.planned))
                return true
            }
            if !isWanted() { return false }
        }
    }

    private func room(for flight: Flight, among flights: [Int: Flight]) -> Int {
        let isQuick = flight.isSmall && flights.values.allSatisfy(\.isSmall)
        return isQuick ? allowance : min(allowance, setup.lanes + Schedule.leastWaiting)
    }

    // MARK: the process

    /// Makes sure that there is a process which has taken the setup.
    private func start() throws(RunError) {
        let isMine = state.wait { state -> Bool? in
            if state.process != nil { return false }
            if state.isStarting { return nil }
            state.isStarting = true
            return true
        }
        guard isMine else { return }
        do throws(RunError) {
            // Where another was ready before, the stages can be had: this one may have come at a bad moment.
            var retries = state.withLock { $0.hasServed ? 1 : 0 }
            while true {
                let rehearsal = state.withLock { $0.rehearsal }
                switch try launch(rehearsal) {
                case .ready(let process, let notes):
                    state.withLock { state in
                        let known = (state.rehearsal, state.notes, state.isReserved, state.isAbandoned, state.callers, state.waitingAlone)
                        state = State(process: process)
                        (state.rehearsal, state.notes, state.isReserved, state.isAbandoned, state.callers, state.waitingAlone) = known
                        state.notes += notes
                        state.hasServed = true
                    }
                    guard SystemThread.start({ [self] in listen(to: process) }) else {
                        state.withLock { $0.process = nil }
                        process.kill()
                        _ = process.wait()
                        throw SystemThread.none
                    }
                    return
                case .lostAtRehearsal:
                    // A picture took it down while networks were tried on it. Its own turn will show that; the next process does without.
                    state.withLock { $0.rehearsal = [] }
                case .lost(let error):
                    guard retries > 0, !state.withLock({ $0.isAbandoned }) else { throw error }
                    retries -= 1
                }
            }
        } catch {
            state.withLock { state in
                state.isStarting = false
                state.starting = nil
            }
            throw error
        }
    }

    /// What came of starting a process.
    private enum Launch {
        case ready(WorkerProcess, notes: [String])
        /// While networks were tried on pictures.
        case lostAtRehearsal
        case lost(RunError)
    }

    /// Starts a process, and waits until it is ready.
    ///
    /// - Throws: `RunError` where it cannot be started, or says itself that nothing can be made.
    private func launch(_ rehearsal: [PlannedImage]) throws(RunError) -> Launch {
        let reserve = state.withLock { state in
            defer { state.reserve = nil }
            return state.reserve
        }
        for (path, status) in ingredients where FileStatus(path.path) != status {
            throw RunError(.inputOutput, "'\(path.path)' has changed since the run began, and a new worker process would use it as it is now", hint: "the same command goes on with it")
        }
        let process: WorkerProcess
        do throws(RunError) {
            if let reserve { process = reserve } else { process = try WorkerProcess() }
        } catch {
            state.withLock { $0.startProblem = error }
            throw error
        }
        state.withLock { state in
            state.starting = process
            state.lastActivity = nil
            state.verdict = nil
        }
        func answer() -> WorkerAnswer? { process.channel.receive(WorkerAnswer.self) }
        func refuse(_ error: RunError) -> RunError {
            process.channel.hangUp()
            _ = process.wait()
            return error
        }
        process.begin(setup)
        switch answer() {
        case .ready?: break
        case .refused(let error)?: throw refuse(error)
        default: return .lost(lost(process.wait()))
        }
        process.channel.send(WorkerOrder.prepare(rehearsal))
        switch answer() {
        case .prepared(let notes)?: return .ready(process, notes: notes)
        case .refused(let error)?: throw refuse(error)
        default:
            let end = process.wait()
            return rehearsal.isEmpty ? .lost(lost(end)) : .lostAtRehearsal
        }
    }

    private func lost(_ end: WorkerProcess.End) -> RunError {
        if let failure = state.withLock({ $0.verdict })?.failure {
            return RunError(.unavailable, (failure.stage.map { "stage \($0): " } ?? "") + failure.message, hint: failure.code == "start"
                ? "its arguments or files may be at fault, or the plug-in; where it does need longer: --start-timeout SECONDS" : nil)
        }
        return RunError(.unavailable, "a worker process was lost before its first image: it was ended by \(end.description)",
                        hint: "a plug-in or a model of the pipeline is broken; 'aquatint plugins list' shows where plug-ins come from")
    }

    /// Takes answers until there are no more, and then finds out what became of the images.
    private func listen(to process: WorkerProcess) {
        while let answer = process.channel.receive(WorkerAnswer.self) { take(answer, from: process) }
        // One that talks nonsense is of no use. Where it ends by itself, how is worth knowing.
        let culprit = process.latestCall
        let isMad = process.channel.isNonsense || !process.hasEnded && !process.ends(within: 0.2)
        process.kill()
        let end = process.wait()
        // Where others work on, what it has left does not.
        OwnProcesses.endOrphans()
        let (flights, verdict) = state.withLock { state in
            defer {
                state.flights = [:]
                state.process = nil
            }
            return (Array(state.flights.values), state.verdict)
        }
        for folder in Path.folders(of: flights.flatMap(\.planned.outputs)) { TemporaryFiles.clear(of: process.process, in: folder) }
        let mad = ImageFailure("crash", stage: culprit.flatMap(label), """
            its worker process was ended, since something in it has written to a socket that is not its own, or closed it\
            \(culprit.map { "; the foreign code that it called last was \(WorkerProcess.End.name(of: $0))" } ?? "")
            """)
        let failure = FailedImage(verdict?.failure ?? (isMad && end.signal == SIGKILL || end.signal == nil && end.status == WorkerMain.cannotAnswer && !end.isCutOff ? mad : failure(of: end)))
        // As it was in the end, whenever it was looked at last.
        let phases = Dictionary(process.flights(places: places), uniquingKeysWith: { first, _ in first })
        // Those that wait for the disk are suspected only where nothing was computed: what they used was freed before.
        let isComputed = phases.values.contains(.computing)
        let isSuspect = { (flight: Flight) in phases[flight.index].map { !isComputed || $0 == .computing } ?? false }
        let suspects = flights.filter(isSuspect).count
        for flight in flights {
            let blame: Flight.Blame = if verdict == nil, end.signal == nil, end.gaveWay { .none } else if let index = verdict?.index { index == flight.index ? .certain : .none }
                else if !isSuspect(flight) { .none }
                else { suspects == 1 ? .certain : .suspected }
            flight.end(.lost(failure, blame))
        }
    }

    private func failure(of end: WorkerProcess.End) -> ImageFailure {
        ImageFailure("crash", stage: end.call.flatMap(label), "its worker process was ended by \(end.description)")
    }

    private func label(_ call: WorkerBoard.Call) -> String? { call.stage.isEmpty ? nil : stageLabel(call.stage) ?? call.stage }

    private func take(_ answer: WorkerAnswer, from process: WorkerProcess) {
        func flight(_ index: Int) -> Flight? { state.withLock { $0.flights[index] } }
        switch answer {
        case .ready, .refused, .prepared: break
        case .progress(let index, let fraction):
            guard let flight = flight(index) else { return }
            flight.reached(.computing, limit: limitOfTime)
            flight.progress(.fraction(fraction))
        case .made(let index, let made, let worker): end(index, .made(made), worker, process)
        case .failed(let index, let failure, let worker): end(index, .failed(failure), worker, process)
        }
    }

    /// Seconds.
    private static let moment = 0.05

    private func end(_ index: Int, _ outcome: Flight.Outcome, _ worker: WorkerState, _ process: WorkerProcess) {
        let ahead = worker.pace > 0 ? Int(min(Double(setup.waiting), Self.moment / worker.pace)) : 0
        allowed.store(min(setup.lanes + max(Schedule.leastWaiting, ahead), places), ordering: .relaxed)
        let (flight, isOver) = state.withLock { state in
            state.notes += worker.notes
            state.madeCount += 1
            // The first images fill caches.
            if state.madeCount == 2 { state.restingMemory = worker.resident }
            if let usual = state.restingMemory, worker.resident > limits.memoryAtRest, worker.resident > usual + usual / 2 { state.isRetiring = true }
            let flight = state.flights.removeValue(forKey: index)
            return (flight, state.isRetiring && state.flights.isEmpty)
        }
        // Nothing more is asked of it; its reader sees it end, and the next image starts another.
        if isOver { process.channel.hangUp() }
        flight?.end(outcome)
    }

    // MARK: the watch

    /// Ends the process where it goes beyond its limits.
    func check() {
        guard let process = state.withLock({ $0.process ?? $0.starting }) else { return }
        // A process that a plug-in has started may hold the socket for ever.
        if process.hasEnded { return process.channel.cut() }
        let flights = state.withLock { $0.process === process ? $0.flights : [:] }
        if !flights.isEmpty {
            for (index, phase) in process.flights(places: places) { flights[index]?.reached(phase, limit: limitOfTime) }
        }
        let now = SuspendingClock.now
        // The whole run was stopped, perhaps (Ctrl-Z): that time is nobody's.
        if let gap = state.withLock({ state in
            defer { state.lastLook = now }
            return state.lastLook.map { now - $0 }
        }), gap > .seconds(1) {
            for flight in flights.values { flight.extend(by: gap) }
        }
        let resident = process.resident ?? 0, activity = process.processorTime ?? 0
        state.withLock { state in
            guard state.process === process || state.starting === process, state.verdict == nil else { return }
            if let late = state.flights.values.first(where: { $0.isOverdue(at: now) }) { state.verdict = (late.index, timeoutFailure(process)) }
            if resident > limits.memory, !state.flights.isEmpty { state.verdict = (nil, memoryFailure(process, resident)) }
            if state.starting === process, let call = process.making(longerThan: limits.start) { state.verdict = (nil, startFailure(call)) }
            let isIdle = state.flights.isEmpty && state.starting == nil
            if isIdle || state.lastActivity.map({ activity > $0.time }) ?? true {
                state.lastActivity = (activity, 0)
            } else if let last = state.lastActivity {
                // Looks, and not time: a run that was stopped for a while has not been looked at.
                state.lastActivity = (last.time, last.looks + 1)
                if Double(last.looks) * WorkerWatch.interval > WorkerLimits.standstill {
                    let call = process.call
                    state.verdict = (nil, ImageFailure("hang", stage: call.flatMap(label), "nothing has happened\(place(call)) for \(Int(WorkerLimits.standstill)) seconds"))
                }
            }
            if state.verdict != nil { process.kill() }
        }
    }

    /// Seconds for an image, with the time that it has to give up by itself.
    private var limitOfTime: Double? { limits.timeout.map { $0 + WorkerLimits.grace } }

    private func timeoutFailure(_ process: WorkerProcess) -> ImageFailure {
        let call = process.call
        return ImageFailure("timeout", stage: call.flatMap(label), "took longer than the \(limits.timeout ?? 0) seconds of limits.timeout, and did not give up\(place(call))")
    }

    private func startFailure(_ call: WorkerBoard.Call) -> ImageFailure {
        ImageFailure("start", stage: label(call), "\(WorkerProcess.End.name(of: call)) has not returned after \(limits.start) seconds")
    }

    private func memoryFailure(_ process: WorkerProcess, _ resident: Int) -> ImageFailure {
        let call = process.call
        return ImageFailure("memory", stage: call.flatMap(label),
                            "its worker process held \(byteText(resident))\(place(call)), more than the \(byteText(limits.memory)) that one may hold (--max-memory)")
    }

    private func place(_ call: WorkerBoard.Call?) -> String { call.map { " in \(WorkerProcess.End.name(of: $0))" } ?? "" }
}
