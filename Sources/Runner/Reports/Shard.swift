/// One of the parts that several machines share a run in. Each of them makes the same plan, and does its own images of it.
public struct Shard: Sendable, Hashable, CustomStringConvertible {
    /// From 1.
    public let number: Int
    public let count: Int

    public var description: String { "\(number)/\(count)" }

    /// Every `count`-th image: neighbours are alike in size, and so are the parts then.
    public func contains(_ position: Int) -> Bool { position % count == number - 1 }

    /// How many of so many images are its own.
    public func size(of total: Int) -> Int { max(0, (total - number + count) / count) }

    /// `2/8`, or `auto`: what the scheduler that started this process says.
    ///
    /// - Throws: `RunError` 64.
    public init(_ text: String, environment: [String: String]) throws(RunError) {
        if text == "auto" {
            self = try Self.scheduled(environment)
            return
        }
        let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(Self.number)
        guard parts.count == 2, let number = parts[0], let count = parts[1], number >= 1, count >= 1 else {
            throw RunError(.usage, "--shard takes I/N, such as 2/8, or auto, not '\(text)'")
        }
        guard number <= count else { throw RunError(.usage, "--shard \(text): there is no part \(number) of \(count); parts count from 1") }
        (self.number, self.count) = (number, count)
    }

    private init(number: Int, count: Int) { (self.number, self.count) = (number, count) }

    /// The variables by which a scheduler tells the tasks of one job apart.
    private struct Scheduler {
        var name: String
        var index: String
        var count: String
        /// The index of the first task, where that is not 0, and how far the indices are apart.
        var first: String?
        var step: String?
        /// How the number of tasks comes into the environment.
        var advice: String
    }

    private static let schedulers = [
        Scheduler(name: "Slurm", index: "SLURM_ARRAY_TASK_ID", count: "SLURM_ARRAY_TASK_COUNT", first: "SLURM_ARRAY_TASK_MIN", step: "SLURM_ARRAY_TASK_STEP",
                  advice: "start the job with sbatch --array"),
        Scheduler(name: "AWS Batch", index: "AWS_BATCH_JOB_ARRAY_INDEX", count: "AWS_BATCH_JOB_ARRAY_SIZE",
                  advice: "set it to the size of the array in the job's environment"),
        Scheduler(name: "Kubernetes", index: "JOB_COMPLETION_INDEX", count: "JOB_COMPLETIONS",
                  advice: "set it to spec.completions in the container's env"),
    ]

    private static func scheduled(_ environment: [String: String]) throws(RunError) -> Shard {
        func value(_ name: String) throws(RunError) -> Int? {
            guard let text = environment[name], !text.isEmpty else { return nil }
            guard let value = number(text) else { throw RunError(.usage, "--shard auto: \(name) is '\(text)', which is no number") }
            return value
        }
        for scheduler in schedulers {
            guard let index = try value(scheduler.index) else { continue }
            guard let count = try value(scheduler.count) else {
                throw RunError(.usage, "--shard auto: \(scheduler.name) gives \(scheduler.index), but \(scheduler.count) is not set", hint: scheduler.advice)
            }
            let first = try scheduler.first.map(value) ?? 0, step = try scheduler.step.map(value) ?? 1
            let offset = index - (first ?? 0), stride = max(1, step ?? 1)
            guard offset >= 0, offset % stride == 0, offset / stride < count else {
                throw RunError(.usage, "--shard auto: \(scheduler.index)=\(index) is not one of \(count) tasks from \(first ?? 0)\(stride > 1 ? " in steps of \(stride)" : "")",
                               hint: "the indices of the tasks must follow each other; or give --shard I/N")
            }
            return Shard(number: offset / stride + 1, count: count)
        }
        throw RunError(.usage, "--shard auto: no scheduler has said which part this is", hint: "it looks at \(schedulers.map { "\($0.index) with \($0.count)" }.joined(separator: ", "))")
    }

    /// Decimal digits alone.
    private static func number(_ text: some StringProtocol) -> Int? {
        text.utf8.allSatisfy { $0 >= 48 && $0 <= 57 } ? Int(text) : nil
    }
}

extension RunPlan {
    /// The images of one part. What was checked over all of them holds for it; each keeps its index in the whole.
    ///
    /// Folders that cannot be listed are in every part: another machine may be able to.
    public func part(_ shard: Shard?) -> RunPlan {
        guard let shard else { return self }
        var part = self
        part.shard = shard
        part.images = images.enumerated().filter { shard.contains($0.offset) }.map(\.element)
        part.strays = strays.enumerated().filter { shard.contains($0.offset) }.map(\.element)
        return part
    }
}
