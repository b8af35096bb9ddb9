import Testing

@testable import Vips

extension VipsTests {
    @Suite struct Introspection {
        @Test func `all operations are concrete, distinct, and about images`() throws {
            let all = Operation.all
            #expect(all.count > 250)
            #expect(Set(all.map(\.nickname)).count == all.count)
            for operation in all {
                #expect(!operation.nickname.isEmpty && !operation.summary.isEmpty)
                #expect(operation.parameters.contains { $0.kind == .image || $0.kind == .images }, "\(operation.nickname)")
                #expect(Operation.describe(operation.nickname) == operation)
                #expect(Set(operation.parameters.map(\.name)).count == operation.parameters.count, "\(operation.nickname)")
            }
            #expect(Operation.describe("foreign") == nil, "an abstract class")
            #expect(Operation.describe("profile_load") == nil, "no image in it")
        }

        @Test func `no parameter that can be given has a type that cannot`() {
            for operation in Operation.all {
                for parameter in operation.parameters where parameter.isInput {
                    if case .other(let type) = parameter.kind { Issue.record("\(operation.nickname).\(parameter.name): \(type)") }
                }
            }
        }

        @Test func `gaussblur describes itself`() throws {
            let blur = try #require(Operation.describe("gaussblur"))
            #expect(blur.summary == "gaussian blur")
            #expect(blur.isSequential && !blur.isUntrusted && !blur.isNoCache)
            #expect(blur.parameters.map(\.name) == ["in", "out", "min_ampl", "sigma", "precision"])
            #expect(blur["sigma"]?.isRequired == true)
            #expect(blur["sigma"]?.kind == .double(min: 0, max: 1000, default: 1.5))
            #expect(blur["min-ampl"]?.name == "min_ampl")
            #expect(blur["out"]?.isOutput == true)
            #expect(blur["out"]?.isInput == false)
            guard case .enumeration(let choices, let fallback)? = blur["precision"]?.kind else {
                Issue.record("precision is no enumeration")
                return
            }
            #expect(choices.map(\.nickname) == ["integer", "float", "approximate"])
            #expect(fallback == "integer")
        }

        @Test func `kinds of parameters are told apart`() throws {
            #expect(Operation.describe("draw_rect")?["image"]?.isModified == true)
            #expect(Operation.describe("bandjoin")?["in"]?.kind == .images)
            #expect(Operation.describe("linear")?["a"]?.kind == .doubles)
            #expect(Operation.describe("affine")?["interpolate"]?.kind == .interpolate)
            #expect(Operation.describe("jpegsave_buffer")?["buffer"]?.kind == .blob)
            #expect(Operation.describe("pngload_source")?["source"]?.kind == .source)
            guard case .flags(let choices, _)? = Operation.describe("pngsave")?["filter"]?.kind else {
                Issue.record("filter is no set of flags")
                return
            }
            #expect(choices.map(\.nickname).contains("paeth"))
            guard case .enumerations(let modes)? = Operation.describe("composite")?["mode"]?.kind else {
                Issue.record("composite takes no list of blend modes")
                return
            }
            #expect(modes.map(\.nickname).contains("soft-light"))
            #expect(!modes.map(\.nickname).contains("last"))
            #expect(VipsLibrary.interpolators.contains("bicubic"))
        }

        @Test func `an old name beside a new one is deprecated, and not required`() throws {
            let shrink = try #require(Operation.describe("shrink"))
            #expect(shrink["hshrink"]?.isRequired == true && shrink["hshrink"]?.isDeprecated == false)
            #expect(shrink["xshrink"]?.isRequired == false && shrink["xshrink"]?.isDeprecated == true)
            #expect(Operation.all.allSatisfy { $0.parameters.allSatisfy { !($0.isRequired && $0.isDeprecated) } })
        }

        @Test func `formats are listed with their suffixes`() {
            let formats = VipsLibrary.formats
            #expect(formats.contains { $0.nickname == "jpegload" && $0.direction == .load && $0.suffixes.contains(".jpg") })
            #expect(formats.contains { $0.nickname == "pngsave" && $0.direction == .save && $0.suffixes == [".png"] })
            #expect(!formats.contains { $0.nickname.hasSuffix("_buffer") || $0.nickname.hasSuffix("_source") })
        }
    }
}
