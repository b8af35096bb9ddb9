import Foundation
import NetworkSamples

/// Runs inputs in this process, one after the other, and leaves word of where it is.
///
/// An input that takes more processor time than its limit ends the process (SIGPROF); one that takes more memory makes an allocation fail, which ends it as well.
/// The supervisor reads the number that was written last.
struct Worker {
    let inputs: Inputs
    /// The file that holds the number of the input that is being run.
    let progress: String

    /// Processor time for one input. Real time says little on a machine with other work.
    private var seconds: Int { inputs.kind == .engine ? 20 : 1 }
    /// Address space of the process; the engine reserves more than it uses.
    private static let addressSpace: rlim_t = 2 << 30
    /// By how much one input may raise the peak of resident memory, in KiB.
    private static let growth = 256 << 10

    func run(_ numbers: Range<UInt64>) throws {
        let file = open(progress, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw CocoaError(.fileWriteUnknown) }
        defer { close(file) }
        let engine = inputs.kind == .engine ? try EngineExercise() : nil
        if inputs.kind != .engine {
            var limit = rlimit(rlim_cur: Self.addressSpace, rlim_max: Self.addressSpace)
            setrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &limit)
        }
        var taken = 0, slowest = Duration.zero
        for number in numbers {
            var word = number.littleEndian
            pwrite(file, &word, 8, 0)
            let bytes = inputs.bytes(number)
            var timer = itimerval(it_interval: timeval(), it_value: timeval(tv_sec: seconds, tv_usec: 0))
            setitimer(__itimer_which_t(ITIMER_PROF.rawValue), &timer, nil)
            let before = peakMemory(), start = processorTime()
            let outcome = switch inputs.kind {
            case .model: Exercise.model(bytes)
            case .weights: Exercise.weights(bytes)
            case .engine: engine?.run(bytes) ?? .refused
            }
            switch outcome {
            case .refused: break
            case .taken: taken += 1
            case .fault(let problem): tell(number, problem)
            }
            slowest = max(slowest, processorTime() - start)
            let grown = peakMemory() - before
            if grown > Self.growth { tell(number, "takes \(grown >> 10) MiB more than all before it") }
        }
        say("taken \(taken) \(Int(slowest / .milliseconds(1))) \(peakMemory() >> 10)")
    }

    /// At once, without a buffer: the next input may be the last.
    private func tell(_ number: UInt64, _ problem: String) { say("\(inputs.kind.rawValue) \(number): \(problem)") }

    private func say(_ line: String) { try? FileHandle.standardOutput.write(contentsOf: Data("\(line)\n".utf8)) }

    /// In KiB.
    private func peakMemory() -> Int { usage().ru_maxrss }

    private func processorTime() -> Duration {
        let usage = usage()
        return .seconds(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + .microseconds(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    }

    private func usage() -> rusage {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return usage
    }
}
