internal import CStageMarks
internal import Foundation
internal import Inference
internal import Synchronization
internal import Vips

/// The process that tries a stage: the other end of ``ConformanceCheck``.
public enum ConformanceProcess {
    /// Tries one part of a stage, says what it found, and ends the process.
    ///
    /// - Parameters:
    ///   - stage: its place in the plug-in.
    ///   - values: `name=value`, for parameters.
    public static func run(_ path: String, stage: Int, part: String, values: [String], version: String) -> Never {
        becomeWatched()
        let bait = Bait(), before = Manners(bait)
        do throws(PluginRefusal) {
            let library = try PluginLibrary.open(path, host: PluginHost(version: version) { _, _ in })
            guard let part = TrialPart(rawValue: part), library.stages.indices.contains(stage) else { _exit(64) }
            let candidate = Candidate(stage: library.stages[stage], values: values)
            candidate.run(part)
            // What the engine and libvips keep is not the plug-in's.
            for finding in before.findings(after: Manners(bait), of: candidate.id, besidesHost: part == .inference, countsThreads: part == .life, countsFiles: part != .leaks) { say(.found(finding)) }
        } catch {
            say(.found(ConformanceFinding(error.reasons.joined(separator: "; "))))
        }
        say(.done)
        _exit(0)
    }

    static func say(_ line: TrialLine) {
        answer((try? ScanJSON.encoder.encode(line)).map { Array($0) } ?? [])
    }
}

/// A stage that is tried.
struct Candidate {
    let stage: PluginStage
    let id: String
    /// What the author gave, and what stands for the required parameters that nobody gave.
    let given: [String: StageValue]
    /// The required file that nobody gave: then not much can be tried.
    private let missingFile: String?

    init(stage: PluginStage, values: [String]) {
        self.stage = stage
        id = stage.id
        let texts = Dictionary(values.compactMap { text in
            text.firstIndex(of: "=").map { (String(text[..<$0]), String(text[text.index(after: $0)...])) }
        }) { $1 }
        var given: [String: StageValue] = [:], missing: String?
        for parameter in stage.declared.parameters {
            if let text = texts[parameter.name] {
                given[parameter.name] = parameter.value(text)
            } else if parameter.isRequired {
                if parameter.kind == .file { missing = parameter.name } else { given[parameter.name] = parameter.samples.first }
            }
        }
        self.given = given
        missingFile = missing
    }

    /// Whether the stage was given a file, with which its other parameters must agree.
    private var isGivenFile: Bool { stage.declared.parameters.contains { $0.kind == .file && given[$0.name] != nil } }

    func say(_ line: TrialLine) { ConformanceProcess.say(line) }
    func trying(_ what: String) { say(.trying("\(what) of \(id)")) }
    func found(_ message: String, _ advice: String = "") { found(.error, message, advice) }
    func found(_ severity: ConformanceFinding.Severity, _ message: String, _ advice: String = "") {
        say(.found(ConformanceFinding(severity, stage: id, message, advice)))
    }

    func run(_ part: TrialPart) {
        if let missingFile {
            if part == .life { tryMissingFile(missingFile) }
            return
        }
        switch part {
        case .life: life()
        case .parameters: parameters()
        case .sizes: sizes()
        case .cuts: cuts()
        case .pictures: pictures()
        case .fresh: fresh()
        case .threads: threads()
        case .leaks: leaks()
        case .inference: inference()
        }
    }

    // MARK: - Making pictures and instances

    func picture(_ width: Int, _ height: Int, format: PluginImage.Format? = nil, bands: Int? = nil, hasAlpha: Bool = false, input index: Int = 0) -> TrialPicture {
        let input = stage.declared.inputs[index]
        let isNetwork = stage.declared.kind == .network
        let format = format ?? [.float32, .uint8, .uint16, .float16].first { input.formats.isEmpty || input.formats.contains($0) } ?? .float32
        let colours = bands ?? (input.bands.contains(3) ? 3 : input.bands.lowerBound)
        let spaces: [PluginImage.Space] = colours == 1 ? [.grey, .data, .linear] : [.srgb, .linear, .lab, .data]
        let space = spaces.first { input.spaces.isEmpty || input.spaces.contains($0) } ?? input.spaces.first ?? .srgb
        return TrialPicture(image: PluginImage(width: width, height: height, bands: colours + (hasAlpha ? 1 : 0), format: isNetwork ? .float32 : format, space: space, hasAlpha: hasAlpha))
    }

    func instance(_ more: [String: StageValue] = [:], _ words: String = "its defaults") throws(StageError) -> StageInstance {
        trying("create() with \(words)")
        return try stage.create(given.merging(more) { $1 })
    }

    func trial(_ instance: StageInstance, _ first: TrialPicture, _ words: String = "", allInputs: Bool = false) throws(StageError) -> StageTrial {
        var pictures: [TrialPicture?] = []
        for (index, input) in stage.declared.inputs.enumerated() {
            if index == 0 { pictures.append(first) } else {
                pictures.append(input.isOptional && !allInputs ? nil : picture(first.image.width, first.image.height, input: index))
            }
        }
        trying("plan() for \(first.image.width) x \(first.image.height), \(first.image.bands) bands of \(first.image.format)\(words.isEmpty ? "" : ", \(words)")")
        let plan = try instance.plan(pictures.map { $0?.image })
        return StageTrial(stage: stage, plan: plan, pictures: pictures, settings: words)
    }

    /// Computes the picture in one call, or a part of it where that takes too much.
    private func examine(_ trial: StageTrial) throws(StageError) {
        guard stage.declared.kind == .pixel else { return }
        var rect = trial.whole
        let most = 1 << 18
        if !trial.plan.needsWholeImage, let source = trial.plan.inputRect(0, for: rect), source.width * source.height > most { rect = trial.tiles(8, 8)[0] }
        if let source = trial.plan.inputRect(0, for: rect), source.width * source.height > most { return }
        trying("process() for the tile \(StageTrial.words(rect)) of \(trial.words)")
        let (_, findings) = try trial.examine(rect)
        for finding in findings { say(.found(finding)) }
        trying("plan_free() and destroy()")
    }

    func report(_ error: StageError, _ what: String) {
        found("\(what) fails: \(error.message)", error.code == .internal && error.message.contains("nonsense") ? "See aqt_plan in the header: sizes, reach and pointers of every plan." : "")
    }

    // MARK: - The parts

    private func tryMissingFile(_ parameter: String) {
        found(.note, "needs a file for '\(parameter)', so that only its error was tried; give one with --set \(parameter)=FILE")
        trying("create() with a file that does not exist")
        do throws(StageError) {
            _ = try stage.create(given.merging([parameter: .file("/nonexistent/aquatint-check")]) { $1 })
            // It may read the file later.
            trying("destroy()")
        } catch {
            if error.message.contains("gave no message") { found("create() fails without a message when '\(parameter)' does not exist", "Fill err->message with what failed and why, and err->param.") }
        }
    }

    private func life() {
        do throws(StageError) {
            for allInputs in [false, true] {
                let instance = try instance()
                let trial = try trial(instance, picture(33, 21), allInputs: allInputs)
                if stage.declared.kind == .network {
                    trying("network()")
                    _ = try trial.plan.network()
                } else {
                    try examine(trial)
                }
                trying("plan_free() and destroy()")
            }
        } catch {
            let hint = error.message.contains("gave no message") ? "Fill err->message with what failed and why." : "A stage works with the defaults of its parameters, on a small picture."
            found("\(error.parameter.map { "\($0): " } ?? "")\(error.message)", hint)
            say(.hopeless)
        }
    }

    private func parameters() {
        for parameter in stage.declared.parameters where parameter.kind != .file && given[parameter.name] == nil {
            for value in parameter.samples {
                let words = "\(parameter.name) = \(value.words)"
                do throws(StageError) {
                    let instance = try instance([parameter.name: value], words)
                    try examine(try trial(instance, picture(33, 21), words))
                } catch {
                    // What a text may say cannot be declared, nor what fits a file: refusing that in words is an answer.
                    if parameter.kind == .string || isGivenFile, error.code == .parameter, !error.message.contains("gave no message") { continue }
                    found("with \(words), which the descriptor allows: \(error.message)", "Declare the range that the stage takes (min, max, choices), or take what is declared.")
                }
            }
        }
    }

    private func sizes() {
        do throws(StageError) {
            let instance = try instance()
            for (width, height) in [(1, 1), (1, 64), (64, 1), (2, 3), (7, 5), (61, 2), (129, 67)] { tryOne(instance, picture(width, height)) }
            let input = stage.declared.inputs[0]
            guard stage.declared.kind == .pixel else { return }
            for format in PluginImage.Format.allCases where input.formats.isEmpty || input.formats.contains(format) {
                for bands in Set([1, 3, 4, 5, input.bands.lowerBound]).sorted() where input.bands.contains(bands) {
                    for hasAlpha in stage.declared.takesAlpha ? [false, true] : [false] { tryOne(instance, picture(13, 9, format: format, bands: bands, hasAlpha: hasAlpha)) }
                }
            }
        } catch {
            report(error, "create()")
        }
    }

    private func tryOne(_ instance: StageInstance, _ picture: TrialPicture) {
        let image = picture.image
        let words = "\(image.width) x \(image.height), \(image.bands) bands of \(image.format)\(image.hasAlpha ? " with alpha" : "")"
        do throws(StageError) {
            try examine(try trial(instance, picture))
        } catch {
            if error.code == .geometry {
                found(.warning, "refuses a picture of \(words): \(error.message)", "Users have pictures of every size: take all that make sense, and declare band counts and formats in aqt_input.")
            } else {
                report(error, "a picture of \(words)")
            }
        }
    }

    private func cuts() {
        guard stage.declared.kind == .pixel, !stage.declared.isImpure else { return }
        do throws(StageError) {
            let instance = try instance()
            let trial = try trial(instance, picture(97, 61))
            guard !trial.plan.needsWholeImage else { return }
            trying("process() for the whole of \(trial.words)")
            let whole = try trial.compute(trial.whole, seed: 0).numbers
            for (width, height) in [(32, 32), (17, 23), (97, 1), (1, 61), (64, 8)] {
                // Backwards, too: tiles come in any order.
                for rect in trial.tiles(width, height).reversed() {
                    trying("process() for the tile \(StageTrial.words(rect)) of \(trial.words)")
                    let result = try trial.compute(rect, seed: 1).numbers
                    let expected = trial.part(rect, of: whole)
                    guard let index = trial.differs(expected, result) else { continue }
                    found(trial.plan.isApproximate ? .warning : .error,
                          "the result depends on how the picture is cut: \(trial.position(index, rect)) is \(result[index]) in the tile \(StageTrial.words(rect)), and \(expected[index]) where \(trial.words) is one tile",
                          "Use coordinates of the picture (rect.x + column), not of the tile; declare the whole halo in aqt_reach; keep nothing from one tile to the next. If no tiling can be right, set AQT_PLAN_WHOLE_IMAGE.")
                    return
                }
            }
            try cancellation(instance)
        } catch {
            report(error, "a picture in tiles")
        }
    }

    private func cancellation(_ instance: StageInstance) throws(StageError) {
        let trial = try trial(instance, picture(256, 256))
        trying("process() for the whole of \(trial.words)")
        let asked = Counter()
        let call = trial.call(trial.whole, seed: 0)
        try call.run { asked.increment(); return false }
        if asked.count == 0, call.seconds > 0.1 {
            found(.warning, "process() computed for \(Int(call.seconds * 1000)) ms without asking aqt_job.cancelled, tile \(StageTrial.words(trial.whole))",
                  "Poll it at least every 50 ms, and return AQT_E_CANCELLED once it says so.")
        }
        trying("process() of an image that was given up, tile \(StageTrial.words(trial.whole))")
        do throws(StageError) {
            try call.run { true }
        } catch {
            if error.code != .cancelled { found("process() of an image that was given up fails with another error: \(error.message)", "Return AQT_E_CANCELLED once aqt_job.cancelled says so.") }
        }
    }

    private func threads() {
        guard stage.declared.kind == .pixel, stage.declared.threads != .library, !stage.declared.isImpure else { return }
        do throws(StageError) {
            let isFree = stage.declared.threads == .free
            let shared = try trial(try instance(), picture(97, 61))
            var trials: [StageTrial] = []
            for _ in 0..<8 { trials.append(isFree ? shared : try trial(try instance(), picture(97, 61))) }
            let tiles = shared.plan.needsWholeImage ? [shared.whole] : shared.tiles(32, 32)
            trying("process() for the whole of \(shared.words)")
            var expected: [StageTrial.Call] = []
            for tile in tiles {
                expected.append(shared.call(tile, seed: 0))
                try expected.last?.run()
            }
            trying("process() on eight threads at once, tiles of \(shared.words)")
            let faults = Mutex<[String]>([])
            let ended = DispatchSemaphore(value: 0)
            // Only read from here on.
            nonisolated(unsafe) let wanted = expected
            let list = trials, end = now() + 1.5
            for number in 0..<8 {
                let thread = Thread {
                    defer { ended.signal() }
                    let trial = list[number], calls = tiles.map { trial.call($0, seed: 0) }
                    for round in 0..<2000 where round < 2 || now() < end && faults.withLock({ $0.isEmpty }) {
                        for step in tiles.indices {
                            let index = (step + number * 3 + round) % tiles.count
                            do throws(StageError) {
                                try calls[index].run()
                                if calls[index].out.isSame(as: wanted[index].out) { continue }
                                let numbers = calls[index].numbers, alone = wanted[index].numbers
                                if let place = trial.differs(alone, numbers) {
                                    faults.withLock { $0.append("gives \(numbers[place]) at \(trial.position(place, tiles[index])), and \(alone[place]) when it runs alone") }
                                }
                            } catch {
                                faults.withLock { $0.append("fails: \(error.message)") }
                            }
                        }
                    }
                }
                thread.stackSize = 8 << 20
                thread.start()
            }
            for _ in 0..<8 { ended.wait() }
            guard let fault = faults.withLock({ $0.first }) else { return }
            found("process() on eight threads at once \(fault)",
                  isFree ? "AQT_THREADS_FREE promises any number of calls at a time: no static or shared memory that calls write to. Or declare AQT_THREADS_INSTANCE or AQT_THREADS_LIBRARY."
                      : "AQT_THREADS_INSTANCE promises that instances share nothing that they write to. Or declare AQT_THREADS_LIBRARY.")
        } catch {
            report(error, "a picture in tiles")
        }
    }

    /// Has the inference engine compute the stage's network, whole and in tiles.
    private func inference() {
        guard stage.declared.kind == .network else { return }
        let engine = EngineProvider()
        do {
            try VipsLibrary.start()
            _ = try engine.networks()
        } catch {
            found(.note, "its network was not run: \((error as? EngineError)?.message ?? "\(error)")")
            return
        }
        do throws(StageError) {
            let input = stage.declared.inputs[0]
            let trial = try NetworkTrial(try instance(), id: id, bands: input.bands.contains(3) ? 3 : input.bands.lowerBound, engine: engine)
            for (width, height) in [(1, 1), (7, 5), (64, 48)] {
                trying("its network on \(width) x \(height) pixels")
                do throws(StageError) {
                    _ = try trial.run(width, height, .whole)
                } catch {
                    let isSize = error.code == .geometry
                    found(isSize ? .warning : .error, "its network on a picture of \(width) x \(height), \(trial.bands) band\(trial.bands == 1 ? "" : "s"): \(error.message)",
                          isSize ? "Users have pictures of every size: declare what the network takes (align_x, align_y, aqt_input), and the host extends the picture."
                              : "The network takes pictures of the sizes and bands that the stage declares, and gives finite numbers and the size of plan().")
                }
            }
            try compareTiles(trial)
        } catch {
            report(error, "its network")
        }
    }

    private func compareTiles(_ trial: NetworkTrial) throws(StageError) {
        let (width, height) = (160, 112)
        trying("its network on \(width) x \(height) pixels")
        let whole = try trial.run(width, height, .whole)
        trying("its network on \(width) x \(height) pixels in tiles")
        // What sees the whole picture cannot be cut, and says so.
        guard let tiled = try? trial.run(width, height, .tiles(96)) else { return }
        guard (tiled.width, tiled.height, tiled.bands) == (whole.width, whole.height, whole.bands) else {
            found("its network gives \(whole.width) x \(whole.height) from the whole picture, and \(tiled.width) x \(tiled.height) from its tiles", "plan() answers with the size that the graph gives.")
            return
        }
        let worst = zip(whole.samples, tiled.samples).enumerated().max { abs($0.element.0 - $0.element.1) < abs($1.element.0 - $1.element.1) }
        guard let worst, abs(worst.element.0 - worst.element.1) > 1e-3 else { return }
        let pixel = worst.offset / whole.bands
        found("its network gives \(worst.element.1) at (\(pixel % whole.width), \(pixel / whole.width)) in tiles, and \(worst.element.0) in one piece",
              "Declare the whole halo of the graph in aqt_reach, or set AQT_PLAN_DERIVE and the host derives it. Where the graph sees the whole picture, set AQT_PLAN_WHOLE_IMAGE.")
    }

    private func leaks() {
        do throws(StageError) {
            func cycle() throws(StageError) {
                let instance = try stage.create(given)
                var pictures: [TrialPicture?] = []
                for (index, input) in stage.declared.inputs.enumerated() { pictures.append(input.isOptional ? nil : picture(5, 4, input: index)) }
                let plan = try instance.plan(pictures.map { $0?.image })
                guard stage.declared.kind == .pixel else { return }
                let trial = StageTrial(stage: stage, plan: plan, pictures: pictures, settings: "")
                _ = try trial.compute(trial.plan.needsWholeImage ? trial.whole : trial.tiles(4, 4)[0], seed: 0)
            }
            trying("create(), plan(), process(), plan_free(), destroy(), 20 times")
            for _ in 0..<20 { try cycle() }
            let cycles = 200
            let before = Holdings()
            trying("create(), plan(), process(), plan_free(), destroy(), 200 times")
            for _ in 0..<cycles { try cycle() }
            let after = Holdings()
            let bytes = (after.bytes - before.bytes) / cycles
            // What the host itself keeps is far less.
            if bytes >= 32 { found("leaks \(bytes) bytes each time that an instance is made, used and destroyed", "Free in destroy() what create() made, in plan_free() what plan() made, and in process() what it allocated.") }
            if after.files - before.files >= cycles / 2 { found("leaves \(after.files - before.files) files open after \(cycles) instances", "Close in destroy() what create() opened.") }
            if after.threads - before.threads >= cycles / 2 { found("leaves \(after.threads - before.threads) threads running after \(cycles) instances", "End in destroy() what create() started.") }
        } catch {
            report(error, "a picture of 5 x 4")
        }
    }
}

/// What the process holds of memory, files and threads.
private struct Holdings {
    let bytes = Int(aqt_allocated_bytes())
    let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count) ?? 0
    let threads = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count) ?? 0
}

private final class Counter: Sendable {
    private let value = Atomic<Int>(0)
    func increment() { value.add(1, ordering: .relaxed) }
    var count: Int { value.load(ordering: .relaxed) }
}

extension DeclaredParameter {
    /// Values that the declaration allows: the default, the bounds, every choice.
    fileprivate var samples: [StageValue] {
        let bounds = range.map { [$0.lowerBound, $0.upperBound] } ?? []
        func list(_ count: Int, _ number: Double) -> [Double] { Array(repeating: number, count: count) }
        let counts = Set([max(1, self.counts.lowerBound), min(8, max(1, self.counts.upperBound))]).sorted()
        let values: [StageValue] = switch kind {
        case .bool: [.bool(false), .bool(true)]
        case .int: (bounds.isEmpty ? [1] : bounds).compactMap { Int(exactly: $0.rounded()) }.map { .int($0) }
        case .double: (bounds.isEmpty ? [1] : bounds).filter(\.isFinite).map { .double($0) }
        case .string: [.string("x")]
        case .choice: choices.map { .choice($0) }
        case .file: []
        case .colour: counts.flatMap { count in [0, 1].map { .colour(list(count, $0)) } }
        case .ints: counts.flatMap { count in (bounds.isEmpty ? [1] : bounds).compactMap { Int(exactly: $0.rounded()) }.map { .ints(Array(repeating: $0, count: count)) } }
        case .doubles: counts.flatMap { count in (bounds.isEmpty ? [1] : bounds).filter(\.isFinite).map { .doubles(list(count, $0)) } }
        case .json: []
        }
        return values.filter { fault(of: $0) == nil }
    }

    /// A value from what an author typed; nil where it is none.
    fileprivate func value(_ text: String) -> StageValue? {
        switch kind {
        case .bool: text == "true" ? .bool(true) : text == "false" ? .bool(false) : nil
        case .int: Int(text).map { .int($0) }
        case .double: Double(text).map { .double($0) }
        case .string: .string(text)
        case .choice: .choice(text)
        case .file: .file(text.hasPrefix("/") ? text : FileManager.default.currentDirectoryPath + "/" + text)
        case .json: .json(text)
        case .colour, .doubles: numbers(text).map { kind == .colour ? .colour($0) : .doubles($0) }
        case .ints: numbers(text).map { .ints($0.map { Int($0) }) }
        }
    }

    private func numbers(_ text: String) -> [Double]? {
        let numbers = text.split(separator: ",").map { Double($0.trimmingCharacters(in: .whitespaces)) }
        return numbers.contains { $0 == nil } ? nil : numbers.compactMap(\.self)
    }
}

extension StageValue {
    /// As people write it.
    fileprivate var words: String {
        switch self {
        case .bool(let flag): "\(flag)"
        case .int(let number): "\(number)"
        case .double(let number): Int(exactly: number).map { "\($0)" } ?? "\(number)"
        case .string(let text), .choice(let text), .file(let text), .json(let text): text
        case .colour(let numbers), .doubles(let numbers): "\(numbers)"
        case .ints(let numbers): "\(numbers)"
        }
    }
}
