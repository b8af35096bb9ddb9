import Testing

@testable import Vips

extension VipsTests {
    @Suite struct Arguments {
        /// What a call says when it is refused.
        private func refusal(_ operation: String, _ arguments: [String: Argument], outputs: Set<String> = []) throws -> String {
            let error = #expect(throws: VipsError.self) {
                _ = try Operation.call(operation, arguments, outputs: outputs)
            }
            return error?.description ?? "not refused"
        }

        @Test func `an unknown operation is answered with the nearest names`() throws {
            #expect(try refusal("gausblur", [:])
                == "libvips \(VipsLibrary.versionText) has no operation 'gausblur'; did you mean 'gaussblur'?")
            #expect(try refusal("", [:]).hasSuffix("has no operation ''"))
        }

        @Test func `an unknown argument is answered with the nearest names, or with all`() throws {
            let image = try Picture.rgb()
            #expect(try refusal("resize", ["in": .image(image), "scael": 2])
                == "resize: no argument 'scael'; did you mean 'scale'?")
            #expect(try refusal("rot", ["in": .image(image), "quality": 2])
                == "rot: no argument 'quality'; it has in, angle")
        }

        @Test func `an output cannot be given as an argument`() throws {
            let image = try Picture.rgb()
            #expect(try refusal("rot", ["in": .image(image), "angle": "d90", "out": .image(image)])
                == "rot: no argument 'out'; it has in, angle")
        }

        @Test func `a value out of range is refused with the range, where libvips would use its default`() throws {
            let image = try Picture.rgb()
            #expect(try refusal("gaussblur", ["in": .image(image), "sigma": -1])
                == "gaussblur: 'sigma' is -1, outside 0 to 1000")
            #expect(try refusal("gaussblur", ["in": .image(image), "sigma": .double(.nan)])
                == "gaussblur: 'sigma' is nan, outside 0 to 1000")
            #expect(try refusal("black", ["width": 0, "height": 5]) == "black: 'width' is 0, outside 1 to 10000000")
            #expect(try refusal("black", ["width": .int(.max), "height": 5])
                == "black: 'width' is \(Int.max), outside 1 to 10000000")
        }

        @Test func `a value of the wrong type is refused with the type`() throws {
            let image = try Picture.rgb()
            #expect(try refusal("gaussblur", ["in": .image(image), "sigma": "2"])
                == "gaussblur: 'sigma' takes a number, not '2'")
            #expect(try refusal("gaussblur", ["in": 3, "sigma": 2]) == "gaussblur: 'in' takes an image, not 3")
            #expect(try refusal("black", ["width": 2.5, "height": 5]) == "black: 'width' takes an integer, not 2.5")
            #expect(try refusal("linear", ["in": .image(image), "a": .doubles([]), "b": 0])
                == "linear: 'a' takes a list of numbers, not a list of 0 numbers")
            #expect(try refusal("linear", ["in": .image(image), "a": 1, "b": 0, "uchar": 1])
                == "linear: 'uchar' takes true or false, not 1")
            #expect(try refusal("bandjoin", ["in": .images([])]) == "bandjoin: 'in' takes a list of images, not a list of 0 images")
        }

        @Test func `an unknown choice is refused with the choices`() throws {
            let image = try Picture.rgb()
            #expect(try refusal("rot", ["in": .image(image), "angle": "90"])
                == "rot: 'angle' has no choice '90'; choose d0, d90, d180, d270")
            #expect(try refusal("affine", ["in": .image(image), "matrix": .doubles([1, 0, 0, 1]), "interpolate": "cubic"])
                .hasPrefix("affine: 'interpolate' has no choice 'cubic'; choose bicubic, bilinear,"))
            #expect(try refusal("composite", ["in": .images([image, image]), "mode": "glow"])
                .hasPrefix("composite: 'mode' has no choice 'glow'; choose clear, source, over,"))
        }

        @Test func `missing arguments are all named`() throws {
            #expect(try refusal("black", [:]) == "black: missing required arguments 'width' (an integer), 'height' (an integer)")
            #expect(try refusal("invert", [:]) == "invert: missing required argument 'in' (an image)")
        }

        @Test func `one argument under two spellings is refused`() throws {
            let image = try Picture.rgb()
            #expect(try refusal("gaussblur", ["in": .image(image), "sigma": 2, "min-ampl": 0.2, "min_ampl": 0.2])
                == "gaussblur: 'min-ampl' and 'min_ampl' are the same argument; give it once")
        }

        @Test func `an unknown output is refused`() throws {
            #expect(try refusal("max", ["in": .image(try Picture.grey())], outputs: ["z"])
                == "max: no output 'z'; did you mean 'x' or 'y'?")
        }

        @Test func `a text with a NUL in it never reaches C`() throws {
            #expect(try refusal("pngload", ["filename": "a.png\0.txt"]) == "pngload: 'filename' holds a NUL character")
        }

        @Test func `optional outputs come when they are asked for`() throws {
            var bytes = [UInt8](repeating: 0, count: 12)
            bytes[7] = 9
            let image = try Image.samples(bytes, width: 4, height: 3, bands: 1, format: .uchar, interpretation: .blackAndWhite)
            let plain = try Operation.call("max", ["in": .image(image)])
            #expect(plain.keys.sorted() == ["out"])
            let located = try Operation.call("max", ["in": .image(image)], outputs: ["x", "y", "out-array"])
            #expect(located["out"]?.doubleValue == 9)
            #expect(located["x"]?.intValue == 3)
            #expect(located["y"]?.intValue == 1)
            #expect(located["out_array"]?.doublesValue == [9])
        }

        @Test func `hyphens, single numbers, integers and flags are taken as they are meant`() throws {
            let image = try Picture.rgb()
            let one = try Operation.call("gaussblur", ["in": .image(image), "sigma": 2, "min-ampl": 0.1])["out"]?.imageValue
            let two = try Operation.call("gaussblur", ["in": .image(image), "sigma": 2.0, "min_ampl": 0.1])["out"]?.imageValue
            #expect(try one?.bytes() == two?.bytes())

            let single = try Operation.call("linear", ["in": .image(image), "a": 2, "b": 1])["out"]?.imageValue
            let list = try Operation.call("linear", ["in": .image(image), "a": .doubles([2]), "b": .ints([1])])["out"]?.imageValue
            #expect(try single?.bytes() == list?.bytes())

            for filter: Argument in ["sub|up", .strings(["sub", "up"])] {
                let png = try Operation.call("pngsave_buffer", ["in": .image(image), "filter": filter])["buffer"]?.blobValue
                let back = try Operation.call("pngload_buffer", ["buffer": .blob(png ?? [])])["out"]?.imageValue
                #expect(try back?.bytes() == image.bytes())
            }
        }

        @Test func `sources and targets go by path or bytes`() throws {
            let scratch = try Scratch()
            let image = try Picture.rgb()
            _ = try Operation.call("pngsave_target", ["in": .image(image), "target": .string(scratch("a.png"))])
            let fromPath = try Operation.call("pngload_source", ["source": .string(scratch("a.png"))])["out"]?.imageValue
            let fromBytes = try Operation.call("pngload_source", ["source": .blob(try scratch.read("a.png"))])["out"]?.imageValue
            #expect(try fromPath?.bytes() == image.bytes())
            #expect(try fromBytes?.bytes() == image.bytes())
        }

        @Test func `drawing paints on a copy`() throws {
            let image = try Picture.rgb().materialised()
            let before = try image.bytes()
            let results = try Operation.call(
                "draw_rect", ["image": .image(image), "ink": 255, "left": 0, "top": 0, "width": 9, "height": 9, "fill": true])
            let painted = try #require(results["image"]?.imageValue)
            #expect(try painted.bytes() != before)
            #expect(try painted.bytes().prefix(27) == [UInt8](repeating: 255, count: 27)[...])
            #expect(try image.bytes() == before)
        }
    }
}
