/// The arithmetic that a network is compiled for.
public enum Precision: String, Sendable, Hashable, CaseIterable {
    /// IEEE single precision throughout.
    case f32
    /// IEEE half precision where the device has it.
    case f16
    /// bfloat16 where the device has it.
    case bf16
}

/// A device that an engine can compute on.
public struct Device: Sendable, Hashable {
    /// The engine's short name: `CPU`, `GPU`, `GPU.1`.
    public let name: String
    /// The name the vendor gave it.
    public let fullName: String
    /// The precisions that the device really computes in; asking for another is an error, never a silent substitute.
    public let precisions: [Precision]

    public init(name: String, fullName: String, precisions: [Precision]) {
        self.name = name
        self.fullName = fullName
        self.precisions = precisions
    }
}

extension [Device] {
    /// The device of that name, or the first of its kind where an engine numbers them: `GPU` stands for `GPU.0`.
    public func first(named name: String) -> Device? {
        first { $0.name == name || $0.name.hasPrefix(name + ".") }
    }
}

/// Everything besides the model itself that decides what a compiled network is.
public struct CompileRequest: Sendable, Hashable {
    /// The static shape of each input by name. An input that is left out keeps the model's own shape, which must then be static.
    public var inputShapes: [String: [Int]]
    public var precision: Precision
    /// The engine's name of the device: `CPU`, `GPU`.
    public var device: String
    /// How many inferences the device computes at the same time, each with `threads / streams` threads.
    public var streams: Int
    /// CPU threads for all streams together.
    public var threads: Int
    /// A directory in which the engine keeps compiled networks between processes; nil keeps none.
    ///
    /// Worth it where compiling takes seconds (a GPU). On a CPU, reading the kept file takes 0.5 to 0.6 times as long as compiling (four networks of 0.4 to 5 MB,
    /// tens of milliseconds each), and OpenVINO notices a file that was cut short, but not one whose weights were damaged: that network then computes garbage.
    public var cacheDirectory: String?

    public init(inputShapes: [String: [Int]], precision: Precision = .f32, device: String = "CPU", streams: Int = 1,
                threads: Int = 1, cacheDirectory: String? = nil) {
        self.inputShapes = inputShapes
        self.precision = precision
        self.device = device
        self.streams = streams
        self.threads = threads
        self.cacheDirectory = cacheDirectory
    }
}

/// Something that compiles ONNX models and runs them.
///
/// One engine serves a whole process; every method may be called from any thread.
public protocol Engine: Sendable {
    /// The product's name, for messages and reports.
    var name: String { get }
    /// The product's version as it states it.
    var version: String { get }

    /// The devices of this machine, the CPU first.
    func devices() throws(EngineError) -> [Device]

    /// What the model (the bytes of an ONNX file) takes and gives.
    func inspect(_ model: [UInt8]) throws(EngineError) -> NetworkInterface

    /// The interface with the inputs named in `inputShapes` given those shapes, without compiling. An output's shape is then known wherever it follows from the inputs'.
    func inspect(_ model: [UInt8], inputShapes: [String: [Int]]) throws(EngineError) -> NetworkInterface

    /// Compiles the model for the shapes, device and precision of `request`.
    ///
    /// - Throws: `EngineError`. A precision that the device does not compute in is `.unavailable`: the engine never substitutes another.
    func compile(_ model: [UInt8], request: CompileRequest) throws(EngineError) -> any CompiledNetwork
}

extension Engine {
    public func inspect(_ model: [UInt8]) throws(EngineError) -> NetworkInterface {
        try inspect(model, inputShapes: [:])
    }
}

/// A network compiled for one set of input shapes.
///
/// Every method may be called from any number of threads: concurrent runs use separate buffers and proceed in parallel as far as the request's streams allow.
/// Beyond a small number of runs in flight (twice the streams) callers wait for one to end.
public protocol CompiledNetwork: Sendable {
    /// The inputs to fill for a run, in the model's order, all of fixed shape.
    var inputs: [NetworkPort] { get }
    /// The outputs, in the model's order. A shape is fixed unless it depends on the input's values.
    var outputs: [NetworkPort] { get }
    /// The precision that the device said it computes in.
    var precision: Precision { get }

    /// Runs the network with buffers that belong to it, without copying where the network's own type is f32.
    ///
    /// `fill` is called once per input, in the order of `inputs`, and must set every element: the buffer holds the values of an earlier run.
    /// `read` gets the output's values and shape. Neither pointer may be kept. What a closure throws is thrown on.
    ///
    /// A value goes to an integer input rounded (half away from zero) and limited to the type's range, to a bool input as "not zero".
    /// - Throws: `EngineError`: an unknown output name; NaN for an integer or bool input; what the engine reports.
    func run<Result>(output: String,
                     fill: (_ input: NetworkPort, _ values: UnsafeMutableBufferPointer<Float>) throws -> Void,
                     read: (_ values: UnsafeBufferPointer<Float>, _ shape: [Int]) throws -> Result) throws -> Result

    /// Runs the network once and reads several outputs, in the order of their names; else as `run(output:fill:read:)`.
    func run(outputs: [String],
             fill: (_ input: NetworkPort, _ values: UnsafeMutableBufferPointer<Float>) throws -> Void,
             read: (_ output: Int, _ values: UnsafeBufferPointer<Float>, _ shape: [Int]) throws -> Void) throws
}

extension CompiledNetwork {
    /// One run for each output: for engines that have no better.
    public func run(outputs: [String],
                    fill: (_ input: NetworkPort, _ values: UnsafeMutableBufferPointer<Float>) throws -> Void,
                    read: (_ output: Int, _ values: UnsafeBufferPointer<Float>, _ shape: [Int]) throws -> Void) throws {
        for (index, output) in outputs.enumerated() {
            try run(output: output, fill: fill) { values, shape in try read(index, values, shape) }
        }
    }

    /// Runs the network on `inputs` by name and returns the output called `output`.
    ///
    /// - Throws: `EngineError`, also where an input is missing, surplus or of another shape.
    public func run(_ inputs: [String: TensorData], output: String) throws(EngineError) -> TensorData {
        let names = self.inputs.map(\.name)
        if let surplus = inputs.keys.sorted().first(where: { !names.contains($0) }) {
            throw EngineError(.mismatch, "the network has no input '\(surplus)' to fill; it has \(nameList(names))")
        }
        do {
            return try run(output: output) { port, values in
                guard let tensor = inputs[port.name] else {
                    throw EngineError(.mismatch, "the input '\(port.name)' of the network was not given")
                }
                guard tensor.shape == port.fixedShape else {
                    throw EngineError(.mismatch, "the input '\(port.name)' has shape \(shapeText(tensor.shape)); the network was compiled for \(shapeText(port.shape))")
                }
                _ = values.update(fromContentsOf: tensor.values)
            } read: { values, shape in
                try TensorData(shape: shape, values: Array(values))
            }
        } catch let error as EngineError {
            throw error
        } catch {
            throw EngineError(.failed, "\(error)")
        }
    }
}

/// `'a', 'b' and 'c'`, as messages list names.
func nameList(_ names: [String]) -> String {
    let quoted = names.map { "'\($0)'" }
    guard let last = quoted.last, quoted.count > 1 else { return quoted.first ?? "none" }
    return quoted.dropLast().joined(separator: ", ") + " and " + last
}
