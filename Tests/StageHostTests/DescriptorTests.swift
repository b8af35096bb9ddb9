import CAquatintPlugin
import Testing

@testable import StageHost

/// Sound C structs in memory that is never freed, for a test to spoil one field at a time.
final class Structs {
    let plugin: UnsafeMutablePointer<aqt_plugin>
    let stage: UnsafeMutablePointer<aqt_stage>
    let input: UnsafeMutablePointer<aqt_input>
    let param: UnsafeMutablePointer<aqt_param>
    let fallback: UnsafeMutablePointer<aqt_value>

    init() {
        fallback = Self.make(aqt_value.self) { $0.type = Int32(AQT_P_FLOAT); $0.f = 3 }
        param = Self.make(aqt_param.self)
        param.pointee.type = Int32(AQT_P_FLOAT)
        param.pointee.name = Self.text("radius")
        param.pointee.doc = Self.text("A radius.")
        (param.pointee.has_range, param.pointee.min, param.pointee.max) = (1, 1, 10)
        param.pointee.fallback = UnsafePointer(fallback)
        input = Self.make(aqt_input.self) { $0.name = Self.text("in"); $0.doc = Self.text("The picture.") }
        stage = Self.make(aqt_stage.self)
        (stage.pointee.kind, stage.pointee.threads) = (Int32(AQT_KIND_PIXEL), Int32(AQT_THREADS_FREE))
        stage.pointee.id = Self.text("acme.soften")
        stage.pointee.version = Self.text("1.0.0")
        stage.pointee.doc = Self.text("Softens. Slowly.")
        stage.pointee.licence = Self.text("MIT")
        stage.pointee.create = { _, _, _, _, _ in 0 }
        stage.pointee.destroy = { _ in }
        stage.pointee.plan = { _, _, _, _ in 0 }
        stage.pointee.plan_free = { _, _ in }
        stage.pointee.process = { _, _, _, _, _, _ in 0 }
        stage.pointee.inputs = Self.list([input])
        stage.pointee.params = Self.list([param])
        plugin = Self.make(aqt_plugin.self)
        plugin.pointee.name = Self.text("acme")
        plugin.pointee.version = Self.text("2.0")
        plugin.pointee.stages = Self.list([stage])
    }

    static func make<T: BitwiseCopyable>(_ type: T.Type, _ fill: (inout T) -> Void = { _ in }) -> UnsafeMutablePointer<T> {
        let pointer = UnsafeMutablePointer<T>.allocate(capacity: 1)
        var value = emptyStruct(T.self)
        fill(&value)
        pointer.initialize(to: value)
        return pointer
    }

    static func text(_ text: String) -> UnsafePointer<CChar> { bytes(Array(text.utf8)) }

    static func bytes(_ bytes: [UInt8]) -> UnsafePointer<CChar> {
        let copy = UnsafeMutableBufferPointer<CChar>.allocate(capacity: bytes.count + 1)
        _ = copy.initialize(from: bytes.map { CChar(bitPattern: $0) } + [0])
        return UnsafePointer(copy.baseAddress!)
    }

    static func list<T>(_ pointers: [UnsafeMutablePointer<T>]) -> UnsafePointer<UnsafePointer<T>?> {
        let copy = UnsafeMutableBufferPointer<UnsafePointer<T>?>.allocate(capacity: pointers.count + 1)
        _ = copy.initialize(from: pointers.map { UnsafePointer($0) } + [nil])
        return UnsafePointer(copy.baseAddress!)
    }

    var faults: [String] {
        var reader = DescriptorReader()
        _ = reader.read(plugin)
        return reader.faults
    }
}

/// One way to spoil a descriptor, and what the author is told.
struct Spoiled: CustomTestStringConvertible, Sendable {
    let fault: String
    let spoil: @Sendable (Structs) -> Void
    var testDescription: String { fault }

    init(_ fault: String, _ spoil: @escaping @Sendable (Structs) -> Void) {
        self.fault = fault
        self.spoil = spoil
    }

    static let plugins: [Spoiled] = [
        Spoiled("the plug-in: aqt_plugin.struct_size is 4, interface 1.0 has 56 bytes: set it to sizeof(aqt_plugin)") {
            $0.plugin.pointee.struct_size = 4
        },
        Spoiled("the plug-in: aqt_plugin.struct_size is 4294967295, which no version has: set it to sizeof(aqt_plugin)") {
            $0.plugin.pointee.struct_size = .max
        },
        Spoiled("aqt_plugin.name is NULL: a text is wanted") { $0.plugin.pointee.name = nil },
        Spoiled("aqt_plugin.version is empty: a text is wanted") { $0.plugin.pointee.version = Structs.text("") },
        Spoiled("aqt_plugin.name is no UTF-8 text") { $0.plugin.pointee.name = Structs.bytes([0xff, 0xfe]) },
        Spoiled("aqt_plugin.name is too long: it has 101 bytes, at most 100 are taken") {
            $0.plugin.pointee.name = Structs.text(String(repeating: "x", count: 101))
        },
        Spoiled("the plug-in has no stages: list them in aqt_plugin.stages") { $0.plugin.pointee.stages = nil },
        Spoiled("aqt_plugin.stages has more than 256 entries: end it with NULL") {
            let stage = $0.stage
            $0.plugin.pointee.stages = Structs.list(Array(repeating: stage, count: 300))
        },
        Spoiled("two stages have the id acme.soften") { $0.plugin.pointee.stages = Structs.list([$0.stage, $0.stage]) },
    ]

    static let stages: [Spoiled] = [
        Spoiled("stage 1: aqt_stage.struct_size is 8, interface 1.0 has 120 bytes: set it to sizeof(aqt_stage)") {
            $0.stage.pointee.struct_size = 8
        },
        Spoiled("the id of stage 1 is NULL: a text is wanted") { $0.stage.pointee.id = nil },
        Spoiled("\"Acme Soften\" cannot be a stage's id: it takes a-z, 0-9, _ and - in words joined by dots, such as acme.grain") {
            $0.stage.pointee.id = Structs.text("Acme Soften")
        },
        Spoiled("acme.soften: kind is 7: set it to AQT_KIND_PIXEL or AQT_KIND_NETWORK") { $0.stage.pointee.kind = 7 },
        Spoiled("acme.soften: threads is 0: set it to one of AQT_THREADS_LIBRARY, _INSTANCE and _FREE") {
            $0.stage.pointee.threads = 0
        },
        Spoiled("acme.soften: create, plan_free must not be NULL") {
            $0.stage.pointee.create = nil
            $0.stage.pointee.plan_free = nil
        },
        Spoiled("acme.soften: process must not be NULL") { $0.stage.pointee.process = nil },
        Spoiled("acme.soften: inputs must list 1 to 16 images and end with NULL") { $0.stage.pointee.inputs = Structs.list([]) },
        Spoiled("acme.soften: input 1: the first input is the running image: it cannot be optional") {
            $0.input.pointee.optional = 1
        },
        Spoiled("acme.soften: input 1: from 3 to 1 bands is no range") {
            ($0.input.pointee.min_bands, $0.input.pointee.max_bands) = (3, 1)
        },
        Spoiled("acme.soften: input 1: formats names no format that this version knows") { $0.input.pointee.formats = 1 << 30 },
        Spoiled("acme.soften: two parameters or inputs are called radius") {
            $0.stage.pointee.params = Structs.list([$0.param, $0.param])
        },
        Spoiled("acme.soften: two parameters or inputs are called in") { $0.param.pointee.name = Structs.text("in") },
    ]

    static let parameters: [Spoiled] = [
        Spoiled("acme.soften: parameter 1: \"Radius\" cannot be a name: it takes a-z, then a-z, 0-9 and _") {
            $0.param.pointee.name = Structs.text("Radius")
        },
        Spoiled("acme.soften: radius: type 99 is not known to this version") { $0.param.pointee.type = 99 },
        Spoiled("acme.soften: radius: from 10.0 to 1.0 is no range") { ($0.param.pointee.min, $0.param.pointee.max) = (10, 1) },
        Spoiled("acme.soften: radius: from nan to 1.0 is no range") { ($0.param.pointee.min, $0.param.pointee.max) = (.nan, 1) },
        Spoiled("acme.soften: radius: the default is 30, outside 1 to 10") { $0.fallback.pointee.f = 30 },
        Spoiled("acme.soften: radius: the default is nan, no number") { $0.fallback.pointee.f = .nan },
        Spoiled("acme.soften: radius: the default is of the type 2, not double") { $0.fallback.pointee.type = Int32(AQT_P_INT) },
        Spoiled("acme.soften: radius: a double without a default must be AQT_PF_REQUIRED") { $0.param.pointee.fallback = nil },
        Spoiled("acme.soften: radius: is REQUIRED and has a default: drop one of them") {
            $0.param.pointee.flags = UInt32(AQT_PF_REQUIRED)
        },
        Spoiled("acme.soften: radius: default: aqt_value.struct_size is 0, interface 1.0 has 56 bytes: set it to sizeof(aqt_value)") {
            $0.fallback.pointee.struct_size = 0
        },
        Spoiled("acme.soften: radius: choices must list 1 to 1024 names and end with NULL") {
            ($0.param.pointee.type, $0.fallback.pointee.type) = (Int32(AQT_P_ENUM), Int32(AQT_P_ENUM))
            $0.param.pointee.has_range = 0
        },
        Spoiled("acme.soften: radius: the default has 18446744073709551615 items, the limit is 4096") {
            ($0.param.pointee.type, $0.fallback.pointee.type) = (Int32(AQT_P_FLOAT_LIST), Int32(AQT_P_FLOAT_LIST))
            $0.fallback.pointee.count = .max
            $0.fallback.pointee.float_items = UnsafePointer(UnsafeMutablePointer<Double>.allocate(capacity: 1))
        },
        Spoiled("acme.soften: radius: the default has 5 items and no pointer to them") {
            ($0.param.pointee.type, $0.fallback.pointee.type) = (Int32(AQT_P_INT_LIST), Int32(AQT_P_INT_LIST))
            $0.fallback.pointee.count = 5
        },
        Spoiled("acme.soften: radius: from 5 to 2 items is no range") {
            ($0.param.pointee.type, $0.fallback.pointee.type) = (Int32(AQT_P_FLOAT_LIST), Int32(AQT_P_FLOAT_LIST))
            ($0.param.pointee.min_count, $0.param.pointee.max_count) = (5, 2)
        },
    ]
}

@Suite struct DescriptorTests {
    @Test func `a sound descriptor is read into values`() throws {
        var reader = DescriptorReader()
        let read = reader.read(Structs().plugin)
        let plugin = try #require(read)
        #expect(plugin.name == "acme" && plugin.abi == "1.0" && plugin.url == nil)
        let stage = plugin.stages[0]
        #expect(stage.id == "acme.soften" && stage.summary == "Softens." && stage.kind == .pixel && stage.threads == .free)
        #expect(stage.inputs[0].bands == 1...Int.max && stage.inputs[0].formats.isEmpty)
        #expect(stage.parameters[0].fallback == .double(3) && stage.parameters[0].range == 1...10)
    }

    @Test(arguments: Spoiled.plugins + Spoiled.stages + Spoiled.parameters)
    func `a fault is refused with a sentence for the author`(_ spoiled: Spoiled) {
        let structs = Structs()
        spoiled.spoil(structs)
        #expect(structs.faults.contains(spoiled.fault), "\(structs.faults)")
    }

    @Test func `all faults are found at once`() {
        let structs = Structs()
        structs.plugin.pointee.name = nil
        structs.stage.pointee.threads = 9
        structs.fallback.pointee.f = 99
        #expect(structs.faults.count == 3)
    }

    @Test func `a longer struct of a newer plug-in is read, and its tail ignored`() throws {
        let structs = Structs()
        let longer = UnsafeMutableRawPointer.allocate(byteCount: MemoryLayout<aqt_plugin>.size + 64, alignment: 16)
        longer.initializeMemory(as: UInt8.self, repeating: 0xAA, count: MemoryLayout<aqt_plugin>.size + 64)
        longer.copyMemory(from: structs.plugin, byteCount: MemoryLayout<aqt_plugin>.size)
        longer.storeBytes(of: UInt32(MemoryLayout<aqt_plugin>.size + 64), as: UInt32.self)
        var reader = DescriptorReader()
        #expect(reader.read(longer.assumingMemoryBound(to: aqt_plugin.self))?.name == "acme")
    }

    @Test func `a network stage may give a host parameter another default, but no other type`() {
        let structs = Structs()
        structs.stage.pointee.kind = Int32(AQT_KIND_NETWORK)
        structs.stage.pointee.process = nil
        structs.stage.pointee.network = { _, _, _, _ in 0 }
        structs.param.pointee.name = Structs.text("strength")
        #expect(structs.faults.isEmpty)
        structs.param.pointee.name = Structs.text("range")
        #expect(structs.faults == ["acme.soften: range is handled by the host and is a doubles, not a double"])
    }
}
