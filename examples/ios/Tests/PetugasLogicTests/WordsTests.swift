import Loket
@testable import PetugasLogic
import XCTest

final class WordsTests: XCTestCase {
    func testTheTallySaysWhatTheOfficeHasReceipted() {
        let tally = Tally(applications: 12, receipted: 12, hanging: 0, held: 0)
        XCTAssertEqual(Words.tally(tally), "12 berkas, 12 tanda terima, 0 menggantung")
    }

    func testDatesAreWrittenAsPeopleDo() {
        XCTAssertEqual(Words.date("1990-03-15"), "15-03-1990")
        XCTAssertEqual(Words.date("kemarin"), "kemarin")
    }

    func testOwnValuesAreThisPhones() {
        XCTAssertEqual(Words.author("operator-desa Contoh (030613ce)", own: "030613ce77"), "HP ini")
        XCTAssertEqual(Words.author("operator-desa Contoh (030613ce)", own: ""), "operator-desa Contoh (030613ce)")
    }

    func testErrorsAreSortedByWhatComesNext() {
        XCTAssertEqual(Trouble(.SignIn(sentence: "daftar dahulu")).next, .enrol)
        XCTAssertEqual(Trouble(.StorageFull(sentence: "penuh")).sentence, "Penuh")
    }

    func testBrightnessKeepsToItsSize() {
        let white = Brightness.of(width: 2000, height: 1000, rgba: [UInt8](repeating: 255, count: 2000 * 1000 * 4))
        XCTAssertEqual(white.width, 1000)
        XCTAssertEqual(white.height, 500)
        XCTAssertTrue(white.pixels.allSatisfy { $0 == 255 })
    }
}
