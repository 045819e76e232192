//! Planted faults: each has its name, its place, and the name that was meant.

use carrot_physics::{RobotModel, UrdfMistakes};

/// A robot with one of everything.
const ROBOT: &str = r#"<robot name="robot">
  <link name="base"/>
  <link name="arm">
    <inertial>
      <origin xyz="0 0 0.1"/>
      <mass value="1.5"/>
      <inertia ixx="0.02" ixy="0" ixz="0" iyy="0.02" iyz="0" izz="0.01"/>
    </inertial>
    <collision>
      <origin xyz="0 0 0.1" rpy="0 0 0"/>
      <geometry><box size="0.1 0.1 0.2"/></geometry>
    </collision>
  </link>
  <link name="tool"/>
  <joint name="turn" type="revolute">
    <parent link="base"/>
    <child link="arm"/>
    <axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" effort="5" velocity="2"/>
  </joint>
  <joint name="mount" type="fixed">
    <parent link="arm"/>
    <child link="tool"/>
  </joint>
</robot>
"#;

/// What is replaced by what, the fault's name, its line and column, and the name that was meant.
type Fault = (&'static str, &'static str, &'static str, (usize, usize), Option<&'static str>);

const FAULTS: [Fault; 57] = [
    // Links and joints that do not fit together.
    (r#"parent link="base""#, r#"parent link="bose""#, "unknown_link", (16, 19), Some("base")),
    (r#"child link="tool""#, r#"child link="tol""#, "unknown_link", (23, 18), Some("tool")),
    (r#"link name="tool""#, r#"link name="arm""#, "duplicate_name", (14, 15), None),
    (r#"joint name="mount""#, r#"joint name="turn""#, "duplicate_name", (21, 16), None),
    (r#"child link="tool""#, r#"child link="arm""#, "several_parents", (21, 4), None),
    (r#"parent link="base""#, r#"parent link="tool""#, "cycle", (15, 4), None),
    (r#"parent link="base""#, r#"parent link="arm""#, "cycle", (15, 4), None),
    (r#"<link name="tool"/>"#, r#"<link name="tool"/><link name="lost"/>"#, "several_roots", (14, 23), None),
    (r#"link name="tool""#, r#"link name="""#, "bad_name", (14, 15), None),
    (r#"link name="tool""#, r#"link nam="tool""#, "unknown_attribute", (14, 9), Some("name")),
    (r#"link name="tool""#, r#"link"#, "missing_attribute", (14, 4), None),
    // Numbers.
    (r#"mass value="1.5""#, r#"mass value="0""#, "out_of_range", (6, 20), None),
    (r#"mass value="1.5""#, r#"mass value="-1""#, "out_of_range", (6, 20), None),
    (r#"mass value="1.5""#, r#"mass value="nan""#, "out_of_range", (6, 20), None),
    (r#"mass value="1.5""#, r#"mass value="1e999""#, "out_of_range", (6, 20), None),
    (r#"mass value="1.5""#, r#"mass value="heavy""#, "bad_number", (6, 20), None),
    (r#"mass value="1.5""#, r#"mass value="${m}""#, "bad_number", (6, 20), None),
    (r#"ixx="0.02""#, r#"ixx="-0.02""#, "out_of_range", (7, 21), None),
    (r#"ixx="0.02""#, r#"ixx="inf""#, "out_of_range", (7, 21), None),
    (r#"ixx="0.02""#, r#"ixx="0.09""#, "bad_inertia", (7, 8), None),
    (r#"ixy="0""#, r#"ixy="0.03""#, "bad_inertia", (7, 8), None),
    (r#"xyz="0 0 0.1"/>"#, r#"xyz="0 0"/>"#, "bad_number", (5, 20), None),
    (r#"xyz="0 0 0.1"/>"#, r#"xyz="0 x 0 0.1"/>"#, "bad_number", (5, 20), None),
    (r#"xyz="0 0 0.1"/>"#, r#"xyz="0 0 1e30"/>"#, "out_of_range", (5, 20), None),
    (r#"size="0.1 0.1 0.2""#, r#"size="0 0 0""#, "out_of_range", (11, 28), None),
    (r#"size="0.1 0.1 0.2""#, r#"size="0.1 -0.1 0.2""#, "out_of_range", (11, 28), None),
    (r#"axis xyz="0 1 0""#, r#"axis xyz="0 0 0""#, "zero_axis", (18, 16), None),
    (r#"axis xyz="0 1 0""#, r#"axis xyz="0 nan 0""#, "out_of_range", (18, 16), None),
    (r#"lower="-1" upper="1""#, r#"lower="1" upper="-1""#, "reversed_limits", (19, 6), None),
    (r#"lower="-1" upper="1""#, r#"lower="1" upper="1""#, "reversed_limits", (19, 6), None),
    (r#"effort="5""#, r#"effort="-5""#, "out_of_range", (19, 41), None),
    (r#" effort="5""#, "", "missing_attribute", (19, 6), None),
    (r#"velocity="2""#, r#"velocity="1e9""#, "out_of_range", (19, 54), None),
    // Elements.
    (r#"type="revolute""#, r#"type="floating""#, "unsupported_joint", (15, 28), None),
    (r#"type="revolute""#, r#"type="revolut""#, "unsupported_joint", (15, 28), Some("revolute")),
    (r#" type="fixed""#, "", "missing_attribute", (21, 4), None),
    (r#"<axis xyz="0 1 0"/>"#, r#"<axes xyz="0 1 0"/>"#, "unknown_element", (18, 6), Some("axis")),
    (r#"<axis xyz="0 1 0"/>"#, r#"<mimic joint="mount"/>"#, "unsupported_element", (18, 6), None),
    (
        r#"<axis xyz="0 1 0"/>"#,
        r#"<axis xyz="0 1 0"/><axis xyz="1 0 0"/>"#,
        "repeated_element",
        (18, 25),
        None,
    ),
    (r#"<link name="tool"/>"#, r#"<link name="tool"/><lnk/>"#, "unknown_element", (14, 23), Some("link")),
    (r#"<box size="0.1 0.1 0.2"/>"#, "", "missing_element", (11, 8), None),
    (r#"<box size="0.1 0.1 0.2"/>"#, r#"<bx size="0.1 0.1 0.2"/>"#, "unknown_element", (11, 18), Some("box")),
    (r#"<box size="0.1 0.1 0.2"/>"#, r#"<cone size="0.1"/>"#, "unknown_element", (11, 18), None),
    (
        r#"<box size="0.1 0.1 0.2"/>"#,
        r#"<box size="1 1 1"/><box size="2 2 2"/>"#,
        "repeated_element",
        (11, 37),
        None,
    ),
    (r#"box size="0.1 0.1 0.2""#, r#"box sise="0.1 0.1 0.2""#, "unknown_attribute", (11, 22), Some("size")),
    (r#"<box size="0.1 0.1 0.2"/>"#, r#"<mesh filename="arm.stl"/>"#, "missing_mesh", (11, 33), None),
    (r#"<mass value="1.5"/>"#, "", "missing_element", (4, 6), None),
    (r#"<mass value="1.5"/>"#, "1.5 kg", "stray_text", (5, 30), None),
    (r#"<child link="arm"/>"#, "", "missing_element", (15, 4), None),
    (r#"<limit lower="-1" upper="1" effort="5" velocity="2"/>"#, "", "missing_element", (15, 4), None),
    (
        "<robot name=\"robot\">",
        "<robot name=\"robot\" xmlns:xacro=\"x\"><xacro:include/>",
        "unsupported_element",
        (1, 38),
        None,
    ),
    // The file as a whole.
    ("</robot>", "</rabot>", "xml", (25, 1), None),
    ("</robot>\n", "", "xml", (25, 1), None),
    (
        "<robot name=\"robot\">",
        "<!DOCTYPE robot [<!ENTITY a \"b\">]><robot name=\"robot\">",
        "doctype",
        (1, 1),
        None,
    ),
    ("name=\"robot\"", "name=\"&lol;\"", "xml", (1, 14), None),
    ("<link name=\"base\"/>", "<link name=\"base\"/>\u{1}", "xml", (2, 22), None),
    ("1.5", "1.5\" value=\"2", "xml", (6, 25), None),
];

fn refused(text: &str) -> UrdfMistakes {
    RobotModel::parse("robot.urdf", text).expect_err(text)
}

#[test]
fn the_robot_without_faults_is_read() {
    let robot = RobotModel::parse("robot.urdf", ROBOT).unwrap();
    assert_eq!((robot.links.len(), robot.joints.len(), robot.colliders(), robot.mass()), (3, 2, 1, 1.5));
    assert_eq!(robot.joints[0].limits, Some([-1.0, 1.0]));
    assert_eq!((robot.joints[0].effort, robot.joints[0].velocity), (5.0, 2.0));
}

#[test]
fn planted_faults_are_named_at_their_place() {
    let mut misses = String::new();
    for (right, wrong, code, place, near) in FAULTS {
        assert_eq!(ROBOT.matches(right).count(), 1, "{right}");
        let mistakes = refused(&ROBOT.replace(right, wrong));
        let is_told = mistakes.iter().any(|mistake| {
            let at = mistake.location();
            (mistake.error.code(), (at.line, at.column), mistake.nearest.as_deref()) == (code, place, near)
        });
        if !is_told {
            misses += &format!("{wrong}: expected {code} at {place:?}, nearest {near:?}; got\n{mistakes}\n");
        }
        assert!(mistakes.iter().all(|mistake| mistake.location().file == "robot.urdf"));
    }
    assert!(misses.is_empty(), "{misses}");
}

#[test]
fn all_faults_of_a_file_are_told_at_once_in_order() {
    let text = ROBOT
        .replace("value=\"1.5\"", "value=\"0\"")
        .replace("link=\"base\"", "link=\"bose\"")
        .replace("0 1 0", "0 0 0")
        .replace("<box size", "<box sise");
    let mistakes = refused(&text);
    let lines: Vec<_> = mistakes.iter().map(|mistake| mistake.location().line).collect();
    assert!(lines.is_sorted() && [6, 11, 16, 18].iter().all(|line| lines.contains(line)), "{mistakes}");
}

#[test]
fn what_moves_or_collides_needs_a_mass() {
    let without = |from: &str, to: &str| {
        let start = ROBOT.find(from).unwrap();
        let end = ROBOT.find(to).unwrap() + to.len();
        format!("{}{}", &ROBOT[..start], &ROBOT[end..])
    };
    let massless = without("<inertial>", "</inertial>");
    let moving = refused(&massless).to_string();
    assert!(moving.contains("3:4: link \"arm\" has no <inertial>, but its joint moves"), "{moving}");
    let colliding = refused(&massless.replace("type=\"revolute\"", "type=\"fixed\"")).to_string();
    assert!(colliding.contains("but it collides"), "{colliding}");
}

#[test]
fn sizes_are_bounded_before_anything_is_built() {
    let wrapped = |inside: String| ROBOT.replace("</robot>", &format!("{inside}</robot>"));
    let nested = wrapped("<gazebo>".repeat(20_000) + &"</gazebo>".repeat(20_000));
    let many_attributes: String = (0..5_000).map(|index| format!(" a{index}=''")).collect();
    let links: String = (0..300).map(|index| format!("<link name='l{index}'/>")).collect();
    let shapes = "<collision><geometry><sphere radius='1'/></geometry></collision>".repeat(65);
    let cases = [
        (nested, "nested elements"),
        (wrapped(format!("<gazebo{many_attributes}/>")), "quotation marks in one element"),
        (wrapped("<gazebo/>".repeat(60_000)), "elements, texts and comments"),
        (wrapped(" ".repeat(1 << 20)), "bytes in the file"),
        (wrapped(links), "links"),
        (
            ROBOT.replace("<link name=\"tool\"/>", &format!("<link name='tool'>{shapes}</link>")),
            "shapes of a link",
        ),
    ];
    for (text, what) in cases {
        let mistakes = refused(&text);
        let found = mistakes.iter().find(|mistake| mistake.error.code() == "too_much");
        let told = found.unwrap_or_else(|| panic!("{what}: {mistakes}")).error.to_string();
        assert!(told.starts_with(&format!("{what}: more than")), "{told}");
    }
}

#[test]
fn entities_are_never_expanded() {
    let lines = (1..10).map(|n| format!("<!ENTITY e{n} \"{}\">", format!("&e{};", n - 1).repeat(10)));
    let bomb =
        format!("<!DOCTYPE r [<!ENTITY e0 \"boom\">{}]><robot name=\"&e9;\"/>", lines.collect::<String>());
    let outside = r#"<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]><robot name="&x;"/>"#;
    for text in [bomb.as_str(), outside] {
        assert_eq!(refused(text).iter().next().unwrap().error.code(), "doctype");
    }
}

#[test]
fn what_is_passed_over_is_listed() {
    let text =
        ROBOT.replace("<axis", "<dynamics damping=\"1\"/><axis").replace("</robot>", "<gazebo/></robot>");
    let robot = RobotModel::parse("robot.urdf", &text).unwrap();
    let ignored: Vec<_> = robot.ignored.iter().map(|span| (span.text(), span.location().line)).collect();
    assert_eq!(ignored, [("gazebo", 25), ("dynamics", 18)]);
}

#[test]
fn the_arm_is_what_its_page_says() {
    let arm = RobotModel::built_in("six_joint_arm").unwrap().unwrap();
    assert_eq!((arm.links.len(), arm.joints.len(), arm.colliders()), (10, 9, 9));
    assert!(
        (arm.mass() - 13.8).abs() < 1e-9 && (arm.reach() - 1.21).abs() < 1e-3,
        "{} {}",
        arm.mass(),
        arm.reach()
    );
    assert_eq!(RobotModel::names(), ["six_joint_arm"]);
    assert!(RobotModel::built_in("seven_joint_arm").is_none());
}
