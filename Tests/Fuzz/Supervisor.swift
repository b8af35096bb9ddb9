import Foundation
import Synchronization

/// Starts workers, and starts them again behind the input that ended one.
struct Supervisor {
    let kind: Fuzz.Kind
    let corpus: [String]

    struct Tally {
        /// Each was printed.
        var findings = 0
        /// Inputs that were no error; those of workers that ended early are not counted.
        var taken = 0
        /// Processor time of the slowest input, in milliseconds, and the largest process, in MiB; of workers that did not end early.
        var milliseconds = 0, megabytes = 0

        mutating func add(_ other: Tally) {
            findings += other.findings
            taken += other.taken
            milliseconds = max(milliseconds, other.milliseconds)
            megabytes = max(megabytes, other.megabytes)
        }
    }

    func run(_ numbers: Range<UInt64>, jobs: Int) -> Tally {
        let tally = Mutex(Tally()), jobs = UInt64(max(1, jobs))
        let share = (UInt64(numbers.count) + jobs - 1) / jobs
        DispatchQueue.concurrentPerform(iterations: Int(jobs)) { job in
            let start = numbers.lowerBound + UInt64(job) * share
            guard start < numbers.upperBound else { return }
            let found = part(start..<min(start + share, numbers.upperBound))
            tally.withLock { $0.add(found) }
        }
        return tally.withLock { $0 }
    }

    private func part(_ numbers: Range<UInt64>) -> Tally {
        var next = numbers.lowerBound, tally = Tally()
        while next < numbers.upperBound {
            let progress = FileManager.default.temporaryDirectory.appending(path: "fuzz-\(UUID().uuidString)").path
            defer { try? FileManager.default.removeItem(atPath: progress) }
            let worker = Process(), output = Pipe()
            worker.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
            worker.arguments = ["--kind", kind.rawValue, "--first", "\(next)", "--count", "\(numbers.upperBound - next)", "--worker", progress]
                + corpus.flatMap { ["--corpus", $0] }
            worker.standardOutput = output
            worker.standardError = FileHandle.nullDevice
            do { try worker.run() } catch {
                print("cannot start a worker: \(error)")
                tally.findings += 1
                return tally
            }
            let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            worker.waitUntilExit()
            let lines = said.split(separator: "\n").filter { $0.hasPrefix("\(kind.rawValue) ") }
            for line in lines { print(line) }
            tally.findings += lines.count
            if let last = said.split(separator: "\n").last?.split(separator: " "), last.first == "taken", last.count == 4 {
                tally.add(Tally(taken: Int(last[1]) ?? 0, milliseconds: Int(last[2]) ?? 0, megabytes: Int(last[3]) ?? 0))
            }
            guard worker.terminationReason == .uncaughtSignal || worker.terminationStatus != 0 else { break }
            guard let last = FileManager.default.contents(atPath: progress), last.count == 8 else {
                print("a worker ended before its first input (\(worker.terminationStatus)): \(said.suffix(300))")
                tally.findings += 1
                return tally
            }
            let number = last.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            print("\(kind.rawValue) \(number): \(reason(worker))")
            tally.findings += 1
            next = number + 1
        }
        return tally
    }

    private func reason(_ worker: Process) -> String {
        guard worker.terminationReason == .uncaughtSignal else { return "exits with \(worker.terminationStatus)" }
        return worker.terminationStatus == SIGPROF ? "takes too long" : "ends the process by signal \(worker.terminationStatus)"
    }
}
