import CAquatintPlugin
import Testing

@testable import AquatintPlugin

/// Drives the exported C tables as a host does.
@Suite struct BoundaryTests {
    let plugin = Plugin(name: "test", version: "1.2.3", vendor: "Tests", url: nil, stages: [Brighten.self, Bytes.self])

    var tables: aqt_plugin { plugin.entry.load(as: aqt_plugin.self) }
    var brighten: UnsafePointer<aqt_stage> { tables.stages[0]! }
    var bytes: UnsafePointer<aqt_stage> { tables.stages[1]! }

    @Test func `the descriptor says what the Swift type declares`() throws {
        #expect(String(cString: tables.name) == "test")
        #expect(tables.url == nil)
        #expect(tables.struct_size == UInt32(MemoryLayout<aqt_plugin>.size))
        #expect(tables.stages[2] == nil)
        let stage = brighten.pointee
        #expect(stage.struct_size == UInt32(MemoryLayout<aqt_stage>.size))
        #expect(String(cString: stage.id) == "test.brighten")
        #expect(String(cString: stage.licence) == "Apache-2.0")
        #expect(bytes.pointee.licence == nil, "a licence that the author did not choose is not made up")
        #expect(stage.kind == Int32(AQT_KIND_PIXEL))
        #expect(stage.threads == Int32(AQT_THREADS_FREE))
        #expect(stage.process != nil && stage.network == nil)
        let mask = try #require(stage.inputs[1]).pointee
        #expect(mask.optional == 1 && mask.formats == 1 << UInt32(AQT_U8) && mask.spaces == 0)
        #expect(mask.min_bands == 1 && mask.max_bands == 1)
        #expect(stage.inputs[2] == nil)

        let amount = try #require(stage.params[0]).pointee
        #expect(amount.flags == UInt32(AQT_PF_REQUIRED) && amount.fallback == nil)
        #expect(amount.has_range == 1 && amount.min == -1 && amount.max == 1)
        #expect(String(cString: amount.unit) == "full scale")
        let mode = try #require(stage.params[4]).pointee
        #expect(mode.fallback.pointee.i == 1 && mode.choices[2] == nil)
        let sizes = try #require(stage.params[7]).pointee
        #expect(sizes.max_count == 4 && sizes.fallback.pointee.count == 2 && sizes.fallback.pointee.int_items[1] == 2)
        #expect(try #require(stage.params[10]).pointee.flags == UInt32(AQT_PF_DEPRECATED))
        #expect(stage.params[11] == nil)
    }

    @Test func `a stage computes a tile that the host hands in`() throws {
        let instance = try create(brighten, ["amount": 0.25])
        defer { brighten.pointee.destroy(instance) }
        var image = self.image(width: 3, height: 2)
        var plan = aqt_plan(), error = newError()
        plan.struct_size = UInt32(MemoryLayout<aqt_plan>.size)
        withUnsafePointer(to: &image) { image in
            let images: [UnsafePointer<aqt_image>?] = [image, nil]
            #expect(brighten.pointee.plan(instance, images, &plan, &error) == Int32(AQT_OK))
            #expect(plan.edge == Int32(AQT_EDGE_REFLECT) && plan.reach[0]!.pointee.left == 2 && plan.reach[1]!.pointee.top == 2)
            var pixels: [Float] = [0, 1, 2, 3, 4, 5]
            pixels.withUnsafeMutableBytes { pixels in
                var tile = aqt_tile()
                tile.struct_size = UInt32(MemoryLayout<aqt_tile>.size)
                tile.image = image
                tile.rect = aqt_rect(x: 0, y: 0, width: 3, height: 2)
                tile.data = pixels.baseAddress!.assumingMemoryBound(to: UInt8.self)
                (tile.row, tile.col, tile.band) = (12, 4, 4)
                withUnsafePointer(to: &tile) { tile in
                    #expect(brighten.pointee.process(instance, &plan, nil, [tile, nil], tile, &error) == Int32(AQT_OK))
                }
            }
            #expect(pixels == [0.25, 1.25, 2.25, 3.25, 4.25, 5.25])
        }
        brighten.pointee.plan_free(instance, &plan)
    }

    @Test func `a Swift error becomes an aqt_error that names the parameter`() {
        var error = newError()
        #expect(throws: StageError.parameter("amount", "must not be 0: that changes nothing")) {
            try create(brighten, ["amount": 0])
        }
        var image = self.image(width: 20_000, height: 1)
        let instance = try? create(brighten, ["amount": 1])
        var plan = aqt_plan()
        withUnsafePointer(to: &image) { image in
            #expect(brighten.pointee.plan(instance, [image, nil], &plan, &error) == Int32(AQT_E_GEOMETRY))
        }
        #expect(text(error.message) == "too wide")
        #expect(plan.state == nil)
        brighten.pointee.destroy(instance)
    }

    @Test func `a host with a shorter error struct is not written past`() {
        var error = newError()
        error.struct_size = 16
        #expect(brighten.pointee.plan(nil, nil, nil, &error) == Int32(AQT_E_INTERNAL))
        #expect(error.code == Int32(AQT_E_INTERNAL))
        #expect(text(error.message).isEmpty)
    }

    @Test func `a long message is cut between characters`() {
        let long = String(repeating: "é", count: 400)
        struct Talkative: PixelStage {
            static let id = "talk", doc = "Talks."
            init(_ values: Values) throws(StageError) { throw .io(String(repeating: "é", count: 400), parameter: "p") }
            func plan(_ inputs: Inputs<ImageInfo>) -> PixelPlan { PixelPlan(output: inputs.primary) }
            func process(_ inputs: Inputs<Tile>, into output: MutableTile, job: Job) {}
        }
        let stage = Plugin(name: "t", version: "1", vendor: "t", stages: [Talkative.self]).entry.load(as: aqt_plugin.self).stages[0]!
        var error = newError()
        var instance: UnsafeMutableRawPointer?
        #expect(stage.pointee.create(nil, stage, nil, &instance, &error) == Int32(AQT_E_IO))
        #expect(instance == nil)
        #expect(text(error.message) == long.prefix(219))
        #expect(text(error.param) == "p")
    }

    @Test func `a network that is cut into blocks declares its reach`() throws {
        let instance = try create(bytes, ["tiles": "blocks"])
        var image = self.image(width: 21, height: 10)
        var plan = aqt_plan(), error = newError()
        plan.struct_size = UInt32(MemoryLayout<aqt_plan>.size)
        withUnsafePointer(to: &image) { image in
            #expect(bytes.pointee.plan(instance, [image], &plan, &error) == Int32(AQT_OK))
        }
        #expect(plan.flags == 0 && plan.align_x == 6 && plan.align_y == 6 && plan.ragged == 0)
        #expect(plan.output.pointee.width == 32 && plan.output.pointee.height == 15 && plan.output.pointee.bands == 1)
        let reach = try #require(plan.reach[0]).pointee
        #expect(reach.left == 7 && reach.bottom == 7 && reach.num_x == 3 && reach.den_y == 2)
        bytes.pointee.plan_free(instance, &plan)
        bytes.pointee.destroy(instance)
    }

    @Test func `a network is handed over with everything the host needs`() throws {
        let instance = try create(bytes, ["tiles": "windows"])
        var image = self.image(width: 20, height: 10)
        var plan = aqt_plan(), network = aqt_network(), error = newError()
        plan.struct_size = UInt32(MemoryLayout<aqt_plan>.size)
        network.struct_size = UInt32(MemoryLayout<aqt_network>.size)
        withUnsafePointer(to: &image) { image in
            #expect(bytes.pointee.plan(instance, [image], &plan, &error) == Int32(AQT_OK))
        }
        #expect(plan.flags == 0 && plan.align_x == 8 && plan.ragged == 1 && plan.output.pointee.bands == 5)
        #expect(plan.output.pointee.width == 20)
        #expect(bytes.pointee.network(instance, &plan, &network, &error) == Int32(AQT_OK))
        #expect(network.size == 8 && network.bytes.load(fromByteOffset: 7, as: UInt8.self) == 8)
        #expect(network.flags == UInt32(AQT_NET_NHWC | AQT_NET_BGR | AQT_NET_KEEP_SIZE))
        #expect(String(cString: network.key) == "bytes/1" && String(cString: network.output_name) == "y")
        #expect(String(cString: network.input_names[0]!) == "x" && network.input_names[1] == nil)
        #expect(network.in_bands == 3 && network.in_scale[2] == 4 && network.in_bias[2] == 0.5)
        let extra = try #require(network.extra[0]).pointee
        #expect(extra.rank == 2 && extra.dims[1] == 2 && extra.data[1] == 9)
        #expect(network.fixed_width == 320 && network.fixed_height == 240)
        bytes.pointee.plan_free(instance, &plan)
        bytes.pointee.destroy(instance)
    }

    @Test func `the plans of a network carry their flags`() throws {
        for (name, flags) in [("derive", AQT_PLAN_DERIVE), ("whole", AQT_PLAN_DERIVE | AQT_PLAN_WHOLE_IMAGE)] {
            let instance = try create(bytes, ["tiles": .string(name)])
            var image = self.image(width: 20, height: 10)
            var plan = aqt_plan(), error = newError()
            plan.struct_size = UInt32(MemoryLayout<aqt_plan>.size)
            withUnsafePointer(to: &image) { image in
                #expect(bytes.pointee.plan(instance, [image], &plan, &error) == Int32(AQT_OK))
            }
            #expect(plan.flags == UInt32(flags) && plan.output == nil)
            bytes.pointee.plan_free(instance, &plan)
            bytes.pointee.destroy(instance)
        }
    }

    // MARK: - A small host

    func newError() -> aqt_error {
        var error = aqt_error()
        error.struct_size = UInt32(MemoryLayout<aqt_error>.size)
        return error
    }

    func image(width: Int64, height: Int64) -> aqt_image {
        aqt_image(struct_size: UInt32(MemoryLayout<aqt_image>.size), format: Int32(AQT_F32), space: Int32(AQT_SPACE_GREY), bands: 1,
                  has_alpha: 0, reserved: 0, width: width, height: height)
    }

    func text<Characters>(_ characters: Characters) -> String {
        withUnsafeBytes(of: characters) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Creates an instance with the declared defaults and these values.
    func create(_ stage: UnsafePointer<aqt_stage>, _ given: [String: Values.Literal]) throws -> UnsafeMutableRawPointer? {
        let arena = Arena()
        var values: [UnsafePointer<aqt_value>?] = []
        var index = 0
        while let param = stage.pointee.params[index] {
            var value = param.pointee.fallback?.pointee ?? aqt_value()
            value.struct_size = UInt32(MemoryLayout<aqt_value>.size)
            value.type = param.pointee.type
            switch given[String(cString: param.pointee.name)] {
            case .double(let number)?: value.f = number
            case .int(let number)?: value.f = Double(number)
            case .string(let text)?:
                var choice = 0
                while let name = param.pointee.choices?[choice], String(cString: name) != text { choice += 1 }
                value.i = Int64(choice)
            default: break
            }
            values.append(UnsafePointer(arena.place(value)))
            index += 1
        }
        var instance: UnsafeMutableRawPointer?
        var error = newError()
        let code = stage.pointee.create(nil, stage, values, &instance, &error)
        guard code == Int32(AQT_OK) else {
            let parameter = text(error.param)
            throw StageError(try #require(.init(rawValue: code)), text(error.message), parameter: parameter.isEmpty ? nil : parameter)
        }
        return instance
    }
}
