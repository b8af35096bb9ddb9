import Synchronization
import Testing
@testable import Inference

/// An engine that counts compilations and fails where the model is empty.
private final class CountingEngine: Engine {
    let name = "counting", version = "1"
    let compiled = Mutex<[String]>([])
    let folders = Mutex<[String?]>([])
    var count: Int { compiled.withLock { $0.count } }

    func devices() -> [Device] { [] }
    func inspect(_ model: [UInt8], inputShapes: [String: [Int]]) -> NetworkInterface { NetworkInterface(inputs: [], outputs: []) }

    func compile(_ model: [UInt8], request: CompileRequest) throws(EngineError) -> any CompiledNetwork {
        let text = String(decoding: model, as: UTF8.self)
        compiled.withLock { $0.append(text) }
        folders.withLock { $0.append(request.cacheDirectory) }
        if request.cacheDirectory == "/unusable" { throw EngineError(.failed, "cannot write") }
        guard !model.isEmpty else { throw EngineError(.outOfMemory, "none left") }
        return EmptyNetwork(precision: request.precision)
    }
}

private final class EmptyNetwork: CompiledNetwork {
    let inputs: [NetworkPort] = [], outputs: [NetworkPort] = []
    let precision: Precision
    init(precision: Precision) { self.precision = precision }

    func run<Result>(output: String, fill: (NetworkPort, UnsafeMutableBufferPointer<Float>) throws -> Void,
                     read: (UnsafeBufferPointer<Float>, [Int]) throws -> Result) throws -> Result {
        try read(UnsafeBufferPointer(start: nil, count: 0), [0])
    }
}

@Suite struct NetworkCacheTests {
    private let engine = CountingEngine()
    private let request = CompileRequest(inputShapes: ["x": [1, 1, 8, 8]])

    private func model(_ name: String) -> NetworkModel { NetworkModel(key: name, bytes: Array(name.utf8)) }

    @Test func `callers at the same time share one compilation`() async throws {
        let cache = NetworkCache(engine: engine, capacity: 4)
        let model = model("a"), request = request
        let networks = try await withThrowingTaskGroup(of: ObjectIdentifier.self) { group in
            for _ in 0..<32 {
                group.addTask { ObjectIdentifier(try cache.network(model, request: request) as AnyObject) }
            }
            return try await group.reduce(into: Set()) { $0.insert($1) }
        }
        #expect(networks.count == 1)
        #expect(engine.count == 1)
    }

    @Test func `another shape, precision, device or stream count is another network`() throws {
        let cache = NetworkCache(engine: engine, capacity: 10)
        var requests = [request, request, request, request, request]
        requests[1].inputShapes = ["x": [1, 1, 8, 9]]
        requests[2].precision = .bf16
        requests[3].device = "GPU"
        requests[4].streams = 2
        for request in requests + requests { _ = try cache.network(model("a"), request: request) }
        #expect(engine.count == 5)
    }

    @Test func `the least recently asked for is given up first`() throws {
        let cache = NetworkCache(engine: engine, capacity: 2)
        for name in ["a", "b", "a", "c", "a", "b"] { _ = try cache.network(model(name), request: request) }
        #expect(engine.compiled.withLock { $0 } == ["a", "b", "c", "b"])
        #expect(cache.count == 2)
    }

    @Test func `networks are kept on disk for other devices than the CPU, where that can be`() throws {
        var other = request
        other.device = "GPU.1"
        for folder in ["/somewhere", "/unusable", nil] {
            let cache = NetworkCache(engine: engine, capacity: 2, compiledFolder: folder)
            for request in [request, other] { _ = try cache.network(model("a"), request: request) }
        }
        #expect(engine.folders.withLock { $0 } == [nil, "/somewhere", nil, "/unusable", nil, nil, nil])
    }

    @Test func `a failure is thrown and tried again the next time`() throws {
        let cache = NetworkCache(engine: engine, capacity: 2)
        for _ in 0..<2 {
            let error = engineError { try cache.network(model(""), request: request) }
            #expect(error == EngineError(.outOfMemory, "none left"))
        }
        #expect(engine.count == 2)
        #expect(cache.count == 0)
    }
}
