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

    func testAMeetingIsTold() {
        let met = MeetingReport(
            device: "ab", officer: "Sri", entriesSent: 3, entriesReceived: 0, scansSent: 1, scansReceived: 0)
        XCTAssertEqual(Words.met(met), "Bertemu Sri: 3 perubahan diberikan, 0 diterima; 1 lampiran diberikan, 0 diterima")
    }

    func testOnlyPhonesNearbyAreMet() {
        XCTAssertTrue(["10.0.0.2", "192.168.43.1", "172.20.10.1"].allSatisfy(OwnNetwork.isNearby))
        XCTAssertFalse(["172.32.0.1", "100.64.0.9", "8.8.8.8", "kantor"].contains(where: OwnNetwork.isNearby))
        XCTAssertTrue(OwnNetwork.addresses().allSatisfy(OwnNetwork.isNearby))
    }

    func testBrightnessKeepsToItsSize() {
        let white = Brightness.of(width: 2000, height: 1000, rgba: [UInt8](repeating: 255, count: 2000 * 1000 * 4))
        XCTAssertEqual(white.width, 1000)
        XCTAssertEqual(white.height, 500)
        XCTAssertTrue(white.pixels.allSatisfy { $0 == 255 })
    }
}
