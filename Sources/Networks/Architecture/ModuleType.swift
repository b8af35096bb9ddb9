/// The types that an architecture can name, by PyTorch's names and with PyTorch's arguments:
/// ```
/// Conv2d(in_channels, out_channels, kernel_size, stride 1, padding 0, groups 1)
/// DepthwiseSeparableConv2d(in_channels, out_channels, kernel_size 3, stride 1, padding 1)
/// AttentionModule(in_channels, out_channels, window 0, scale 1)      AdaptiveAttentionModule: the same
/// Generator(in_channels, out_channels, hidden_channels = out_channels)
/// ResidualBlock(channels, kernel_size 3, activation relu, separable false)
/// ChannelScale(channels)
/// ReLU  GELU  Sigmoid  Tanh  LeakyReLU(negative_slope 0.01)  PReLU(num_parameters 1)
/// PixelShuffle(upscale_factor)   Upsample(scale_factor, mode nearest | bilinear | bicubic)
/// Add  Multiply  Concat          of two inputs or more, given by `inputs`
/// ```
struct ModuleType: Sendable {
    static let channelLimit = 65_536
    static let channels = 1...channelLimit

    /// What one step of the network does.
    enum Step: Sendable {
        case module(any Module)
        case join(Join)
    }

    let name: String
    private let arguments: Set<String>
    private let build: @Sendable (Arguments) throws(NetworkError) -> Step

    private init(_ name: String, _ arguments: Set<String> = [], _ build: @escaping @Sendable (Arguments) throws(NetworkError) -> Step) {
        self.name = name
        self.arguments = arguments
        self.build = build
    }

    /// The step of an entry of an architecture.
    static func step(_ entry: Architecture.Entry) throws(NetworkError) -> Step {
        guard let type = all.first(where: { $0.name == entry.type }) else {
            throw .architecture("\(entry.name): there is no module \(printable(entry.type)); there are \(all.map(\.name).joined(separator: ", "))")
        }
        if let surplus = entry.arguments.keys.filter({ !type.arguments.contains($0) }).min() {
            let known = type.arguments.isEmpty ? "no arguments" : type.arguments.sorted().joined(separator: ", ")
            throw .architecture("\(entry.name): \(type.name) has no \(surplus); it has \(known)")
        }
        let step = try type.build(Arguments(entry))
        let count = entry.inputs?.count ?? 1
        if case .join = step {
            guard count > 1 else { throw .architecture("\(entry.name): \(type.name) takes two inputs or more, named by `inputs`") }
        } else if count != 1 {
            throw .architecture("\(entry.name): \(type.name) takes one input, and was given \(count)")
        }
        return step
    }

    private static let all: [ModuleType] = [
        ModuleType("Conv2d", ["in_channels", "out_channels", "kernel_size", "stride", "padding", "groups"]) { given throws(NetworkError) in
            let (input, output) = (try given.integer("in_channels", in: channels), try given.integer("out_channels", in: channels))
            let groups = try given.integer("groups", in: channels, default: 1)
            guard input % groups == 0, output % groups == 0 else {
                throw given.failure("\(groups) groups do not divide \(input) and \(output) channels")
            }
            return .module(Conv2d(input, output, kernelSize: try given.integer("kernel_size", in: 1...63),
                                  stride: try given.integer("stride", in: 1...16, default: 1),
                                  padding: try given.integer("padding", in: 0...63, default: 0), groups: groups))
        },
        ModuleType("DepthwiseSeparableConv2d", ["in_channels", "out_channels", "kernel_size", "stride", "padding"]) { given throws(NetworkError) in
            .module(DepthwiseSeparableConv2d(
                try given.integer("in_channels", in: channels), try given.integer("out_channels", in: channels),
                kernelSize: try given.integer("kernel_size", in: 1...63, default: 3), stride: try given.integer("stride", in: 1...16, default: 1),
                padding: try given.integer("padding", in: 0...63, default: 1)))
        },
        ModuleType("AttentionModule", ["in_channels", "out_channels", "window", "scale"]) { given throws(NetworkError) in
            let window = try given.integer("window", in: 0...1024, default: 0)
            return .module(AttentionModule(try given.integer("in_channels", in: channels), try given.integer("out_channels", in: channels),
                                           window: window == 0 ? nil : window, scale: try given.number("scale", in: AttentionModule.scales, default: 1)))
        },
        ModuleType("AdaptiveAttentionModule", ["in_channels", "out_channels", "window", "scale"]) { given throws(NetworkError) in
            let window = try given.integer("window", in: 0...1024, default: 0)
            return .module(try AdaptiveAttentionModule(
                try given.integer("in_channels", in: channels), try given.integer("out_channels", in: channels),
                window: window == 0 ? nil : window, scale: try given.number("scale", in: AttentionModule.scales, default: 1)))
        },
        ModuleType("Generator", ["in_channels", "out_channels", "hidden_channels"]) { given throws(NetworkError) in
            let output = try given.integer("out_channels", in: channels)
            return .module(Generator(try given.integer("in_channels", in: channels), output,
                                     hiddenChannels: try given.integer("hidden_channels", in: channels, default: output)))
        },
        ModuleType("ResidualBlock", ["channels", "kernel_size", "activation", "separable"]) { given throws(NetworkError) in
            let name = try given.text("activation", default: "relu")
            guard let activation = Activation(rawValue: name) else {
                throw given.failure("there is no activation \(name); there are \(Activation.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            let side = try given.integer("kernel_size", in: 1...63, default: 3)
            guard side % 2 == 1 else { throw given.failure("kernel_size is \(side), and must be odd: the block keeps the size") }
            return .module(ResidualBlock(try given.integer("channels", in: channels), kernelSize: side, activation: activation,
                                         isSeparable: try given.truth("separable", default: false)))
        },
        ModuleType("ChannelScale", ["channels"]) { given throws(NetworkError) in .module(ChannelScale(try given.integer("channels", in: channels))) },
        ModuleType("ReLU") { _ in .module(ReLU()) },
        ModuleType("GELU") { _ in .module(GELU()) },
        ModuleType("Sigmoid") { _ in .module(Sigmoid()) },
        ModuleType("Tanh") { _ in .module(Tanh()) },
        ModuleType("LeakyReLU", ["negative_slope"]) { given throws(NetworkError) in
            .module(LeakyReLU(negativeSlope: Float(try given.number("negative_slope", in: 0...1, default: 0.01))))
        },
        ModuleType("PReLU", ["num_parameters"]) { given throws(NetworkError) in
            .module(PReLU(try given.integer("num_parameters", in: channels, default: 1)))
        },
        ModuleType("PixelShuffle", ["upscale_factor"]) { given throws(NetworkError) in
            .module(PixelShuffle(try given.integer("upscale_factor", in: 1...16)))
        },
        ModuleType("Upsample", ["scale_factor", "mode"]) { given throws(NetworkError) in
            let name = try given.text("mode", default: "nearest")
            guard let mode = Upsample.Mode(rawValue: name) else {
                throw given.failure("there is no mode \(name); there are \(Upsample.Mode.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            return .module(Upsample(scaleFactor: try given.integer("scale_factor", in: 1...16), mode: mode))
        },
        ModuleType("Add") { _ in .join(.add) },
        ModuleType("Multiply") { _ in .join(.multiply) },
        ModuleType("Concat") { _ in .join(.concat) },
    ]
}

/// The arguments of one entry, checked as they are read.
struct Arguments {
    private let entry: Architecture.Entry

    init(_ entry: Architecture.Entry) { self.entry = entry }

    /// A whole number; required where it has no default.
    func integer(_ name: String, in range: ClosedRange<Int>, default fallback: Int? = nil) throws(NetworkError) -> Int {
        let number = try number(name, in: Double(range.lowerBound)...Double(range.upperBound), default: fallback.map(Double.init(_:)))
        guard let integer = Int(exactly: number) else { throw failure("\(name) is \(number), and must be a whole number") }
        return integer
    }

    func number(_ name: String, in range: ClosedRange<Double>, default fallback: Double? = nil) throws(NetworkError) -> Double {
        switch entry.arguments[name] {
        case .number(let number):
            guard range.contains(number) else { throw failure("\(name) is \(number), and may be \(range.lowerBound) to \(range.upperBound)") }
            return number
        case nil:
            guard let fallback else { throw failure("\(entry.type) needs \(name)") }
            return fallback
        default: throw failure("\(name) must be a number")
        }
    }

    func text(_ name: String, default fallback: String) throws(NetworkError) -> String {
        switch entry.arguments[name] {
        case .text(let text): return printable(text)
        case nil: return fallback
        default: throw failure("\(name) must be a text")
        }
    }

    func truth(_ name: String, default fallback: Bool) throws(NetworkError) -> Bool {
        switch entry.arguments[name] {
        case .truth(let truth): return truth
        case nil: return fallback
        default: throw failure("\(name) must be true or false")
        }
    }

    /// What is wrong, with the entry's name.
    func failure(_ reason: String) -> NetworkError { .architecture("\(entry.name): \(reason)") }
}
