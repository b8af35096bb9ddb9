import Testing

@testable import Runner

@Suite struct ShardTests {
    private func shard(_ text: String, _ environment: [String: String] = [:]) throws -> Shard { try Shard(text, environment: environment) }

    @Test(arguments: ["0/3", "4/3", "1/0", "1", "1/", "/3", "1/2/3", "-1/3", "+1/3", "a/b", "", "1 /3", "99999999999999999999/3"])
    func `what is no part is a usage error`(_ text: String) {
        #expect(runError { try shard(text) }?.status == .usage)
    }

    @Test func `parts are disjoint and make the whole`() throws {
        for count in 1...7 {
            for total in [0, 1, 2, 6, 7, 8, 100] {
                let parts = try (1...count).map { try shard("\($0)/\(count)") }
                for position in 0..<total { #expect(parts.filter { $0.contains(position) }.count == 1) }
                #expect(parts.allSatisfy { part in part.size(of: total) == (0..<total).filter(part.contains).count })
            }
        }
    }

    @Test(arguments: [
        ("2/4", ["SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "4"]),
        ("3/4", ["SLURM_ARRAY_TASK_ID": "20", "SLURM_ARRAY_TASK_COUNT": "4", "SLURM_ARRAY_TASK_MIN": "0", "SLURM_ARRAY_TASK_STEP": "10"]),
        ("1/8", ["AWS_BATCH_JOB_ARRAY_INDEX": "0", "AWS_BATCH_JOB_ARRAY_SIZE": "8"]),
        ("8/8", ["JOB_COMPLETION_INDEX": "7", "JOB_COMPLETIONS": "8"]),
    ]) func `a scheduler says which part this is`(_ expected: String, _ environment: [String: String]) throws {
        #expect(try shard("auto", environment).description == expected)
    }

    @Test(arguments: [
        ("no scheduler has said", [:]), ("JOB_COMPLETIONS is not set", ["JOB_COMPLETION_INDEX": "1"]),
        ("which is no number", ["JOB_COMPLETION_INDEX": "x", "JOB_COMPLETIONS": "3"]), ("is not one of 3 tasks", ["JOB_COMPLETION_INDEX": "3", "JOB_COMPLETIONS": "3"]),
        // --array=1,5,7
        ("is not one of 3 tasks from 1", ["SLURM_ARRAY_TASK_ID": "5", "SLURM_ARRAY_TASK_COUNT": "3", "SLURM_ARRAY_TASK_MIN": "1"]),
    ] as [(String, [String: String])]) func `a scheduler that says too little is an error, never the whole run`(_ message: String, _ environment: [String: String]) {
        let error = runError { try shard("auto", environment) }
        #expect(error?.status == .usage && error?.message.contains(message) == true, "\(String(describing: error))")
    }

    @Test func `parts keep the names of the whole, and collisions are found over all of it`() throws {
        func plan(_ output: String) throws -> RunPlan {
            let files = (1...7).map { InputFile(path: "in/\($0).png", folder: $0 > 6 ? "sub" : "") }
            let request = try RunRequest.of("stages: [invert]\noutput: \"\(output)\"")
            return try RunPlan(InputSelection.Found(files: files, strays: [Stray(path: "a", reason: ""), Stray(path: "b", reason: "")]), request: request, settings: RunSettings(output: "out"))
        }
        let whole = try plan("{index}.png"), parts = try (1...3).map { whole.part(try shard("\($0)/3")) }
        #expect(parts[1].images.map(\.outputs) == [["out/2.png"], ["out/5.png"]] && parts[1].shard?.description == "2/3")
        #expect(Set(parts.flatMap(\.images).map(\.index)) == Set(0..<7) && parts.flatMap(\.strays) == whole.strays)
        // The two that collide would fall into different parts.
        let request = try RunRequest.of("stages: [invert]\noutput: \"x.png\"")
        let two = InputSelection.Found(files: [InputFile(path: "a.png", folder: ""), InputFile(path: "b.png", folder: "")])
        #expect(runError { try RunPlan(two, request: request, settings: RunSettings(output: "out")).part(try shard("1/2")) }?.status == .cannotCreateOutput)
    }
}
