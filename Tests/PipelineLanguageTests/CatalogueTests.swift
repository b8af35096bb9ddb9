import Foundation
import PipelineLanguage
import Testing

@Suite struct CatalogueTests {
    @Test func `a stage describes itself in the agreed JSON`() throws {
        let stage = try #require(catalogue["acme.grain"])
        let data = Data(stage.json().text(pretty: true).utf8)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object["v"] as? Int == 1)
        #expect(object["kind"] as? String == "pixel")
        let parameter = try #require((object["parameters"] as? [[String: Any]])?.first)
        #expect(parameter["name"] as? String == "amount")
        #expect(parameter["default"] as? Int == 8)
        #expect(parameter["max"] as? Int == 100)
        #expect(parameter["unit"] as? String == "%")
        #expect(Set(parameter.keys).isSuperset(of: ["name", "type", "required", "default", "min", "max", "choices", "unit", "doc"]))
        #expect(((object["inputs"] as? [[String: Any]])?.first?["optional"] as? Bool) == false)
    }

    @Test func `names are found in either spelling, and codecs are no stages`() {
        #expect(catalogue["thumbnail-image"]?.name == "thumbnail_image")
        #expect(catalogue["jpegsave"] == nil)
        #expect(catalogue["soften"] == nil)
        #expect(catalogue.nearest(to: "thumbnal_image") == "thumbnail_image")
        #expect(catalogue.nearest(to: "zzzzzz") == nil)
        #expect(catalogue.saver(forExtension: "JPEG")?.name == "jpegsave")
        #expect(catalogue.saver(forExtension: ".doc") == nil)
    }

    @Test("a version range holds what it says", arguments: [
        (">=8.14", "8.14.1", true), (">=8.14", "8.9", false), (">=1.2, <2", "1.10", true), (">= 1.2 <2", "2.0", false), ("1.2", "1.2.0", true),
        ("==1.2", "1.2.1", false), (">1", "1.0.1", true), ("<=1", "1.0", true), (">=1", "1.2-beta", true), (">=1", "unknown", false),
    ])
    func versions(range: String, version: String, holds: Bool) throws {
        #expect(try #require(VersionRange(range)).contains(version) == holds)
    }

    @Test("a text that is no range is none", arguments: ["", ">=", ">= >1", "1..2", "x", "1.2.3.4.5", "99999999999999999999"])
    func noRange(text: String) {
        #expect(VersionRange(text) == nil)
    }

    @Test func `a version that is not known satisfies no requirement`() throws {
        let (pipeline, _) = try Pipeline.read(SourceText(name: "p", text: "version: 1\nrequires: {vips: \">=8\"}\n"))
        let found = pipeline.validate(against: Catalogue([]))
        #expect(found.map(\.message) == ["the pipeline needs libvips >=8; this is of unknown version"])
        #expect(Diagnostics(found).exitStatus == 69)
    }

    @Test func `JSON escapes what must be escaped`() {
        #expect(JSON.string("a\"\\\n\u{1}é").text() == #""a\"\\\n\u0001é""#)
        #expect(JSON.array([.double(2), .double(0.1), .double(.nan), .null, .bool(true)]).text() == "[2,0.1,null,null,true]")
    }

    @Test func `the schema is JSON with sorted keys and knows every stage`() throws {
        let text = JSONSchema.schema(for: catalogue)
        let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["$schema"] as? String == "http://json-schema.org/draft-07/schema#")
        let definitions = try #require(object["definitions"] as? [String: Any])
        for stage in catalogue.all { #expect(definitions["stage:" + stage.name] != nil) }
        #expect(text.range(of: "\"additionalProperties\"")!.lowerBound < text.range(of: "\"definitions\"")!.lowerBound)
        // Every reference leads somewhere.
        for reference in text.matches(of: #/"#/definitions/([^"]+)"/#) { #expect(definitions[String(reference.1)] != nil) }
    }
}
