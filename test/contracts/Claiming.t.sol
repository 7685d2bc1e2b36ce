// SPDX-License-Identifier: MIT
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {IRewardsDistributor} from "../../contracts/IRewardsDistributor.sol";
import {Bomber, Burner, HeavyWallet, Reentrant, Refuser, TalkativeTaker} from "./support/Actors.sol";
import {DistributorTest} from "./support/DistributorTest.sol";
import {BlacklistToken, BurningToken, FeeToken, ReentrantToken, ScriptedToken, SilentToken, Token} from "./support/Tokens.sol";
import {Tree} from "./support/Tree.sol";
import {vm} from "./support/Vm.sol";

contract ClaimingTest is DistributorTest {
    function refuse(uint256 epoch, IRewardsDistributor.Leaf memory given, bytes32[] memory proof, bytes memory reason)
        private
    {
        vm.expectRevert(reason);
        distributor.claim(epoch, given, proof);
    }

    /// Epoch 1, active: 40 of the asset for `who`, who has all of it; and its proof is empty.
    function forOne(address who, address asset) private returns (IRewardsDistributor.Leaf memory only) {
        only = leaf(who, asset, 40);
        postActive(one(only));
    }

    function failed(address asset, address to) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IRewardsDistributor.TransferFailed.selector, asset, to, 40);
    }

    function test_GivenTreesOfEveryShape_WhenClaimed_EveryLeafIsPaid() external {
        // 1 leaf, 2 leaves, 2^k and 2^k + 1; each epoch pays what it adds.
        uint256[8] memory sizes = [uint256(1), 2, 3, 4, 5, 8, 9, 17];
        uint256 paid;
        for (uint256 i; i < sizes.length; ++i) {
            IRewardsDistributor.Leaf[] memory leaves = ladder(sizes[i], ETH, i + 1);
            vm.deal(address(distributor), sum(leaves));
            post(recordOf(Tree.root(leaves), ETH, sum(leaves)));
            vm.warp(START + (i + 1) * DELAY);
            for (uint256 j; j < sizes[i]; ++j) paid += claim(i + 1, leaves, j);
            eq(paid, sum(leaves));
            for (uint256 j; j < sizes[i]; ++j) eq(account(j).balance, leaves[j].cumulative);
        }
        eq(claimedOf(ETH), paid);
    }

    function test_GivenAnActiveEpoch_WhenClaimed_ItIsPaidAndReported() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(3, ETH, 1);
        uint256 epoch = postActive(leaves);
        bytes32[] memory proof = Tree.proof(leaves, 1);
        vm.expectEmit(true, true, true, true, address(distributor));
        emit IRewardsDistributor.Claimed(account(1), ETH, account(1), epoch, 200, 200);
        vm.prank(ANYONE);
        eq(distributor.claim(epoch, leaves[1], proof), 200);
        eq(account(1).balance, 200);
        eq(distributor.claimed(account(1), ETH), 200);
        eq(claimedOf(ETH), 200);
        eq(distributor.surplusOf(ETH), 0);
    }

    function test_GivenAnOlderActiveEpoch_WhenClaimed_ItsProofStillPaysAndTheNewerPaysTheRest() external {
        IRewardsDistributor.Leaf[] memory old = ladder(3, ETH, 1);
        postActive(old);
        IRewardsDistributor.Leaf[] memory newer = ladder(3, ETH, 4);
        postActive(newer);
        eq(claim(1, old, 2), 300);
        eq(claim(2, newer, 2), 900);
        eq(claim(2, newer, 1), 800);
        bytes memory reason =
            abi.encodeWithSelector(IRewardsDistributor.NothingToClaim.selector, account(1), ETH, 200, 800);
        refuse(1, old[1], Tree.proof(old, 1), reason);
        eq(account(2).balance, 1200);
    }

    function test_GivenAnUnknownOrWaitingEpoch_WhenClaimed_ItReverts() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(2, ETH, 1);
        bytes32[] memory proof = Tree.proof(leaves, 0);
        bytes4 selector = IRewardsDistributor.UnknownEpoch.selector;
        refuse(0, leaves[0], proof, abi.encodeWithSelector(selector, 0, 0));
        refuse(1, leaves[0], proof, abi.encodeWithSelector(selector, 1, 0));
        postLeaves(leaves);
        uint256 end = START + DELAY;
        vm.warp(end - 1);
        selector = IRewardsDistributor.EpochNotActive.selector;
        refuse(1, leaves[0], proof, abi.encodeWithSelector(selector, 1, end, end - 1));
        vm.warp(end);
        eq(distributor.claim(1, leaves[0], proof), 100);
    }

    function test_GivenAWrongProof_WhenClaimed_ItReverts() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(4, ETH, 1);
        postActive(leaves);
        bytes32 root = Tree.root(leaves);
        bytes32[] memory proof = Tree.proof(leaves, 0);
        IRewardsDistributor.Leaf[4] memory wrong = [
            leaf(account(1), ETH, 100),
            leaf(account(0), address(1), 100),
            leaf(account(0), ETH, 101),
            leaves[1]
        ];
        for (uint256 i; i < wrong.length; ++i) {
            bytes32 computed = fold(proof, Tree.hashLeaf(wrong[i]));
            refuse(1, wrong[i], proof, abi.encodeWithSelector(IRewardsDistributor.InvalidProof.selector, computed, root));
        }
        bytes32 bare = Tree.hashLeaf(leaves[0]);
        bytes memory reason = abi.encodeWithSelector(IRewardsDistributor.InvalidProof.selector, bare, root);
        refuse(1, leaves[0], new bytes32[](0), reason);
    }

    function fold(bytes32[] memory proof, bytes32 node) private pure returns (bytes32) {
        for (uint256 i; i < proof.length; ++i) node = Tree.pair(node, proof[i]);
        return node;
    }

    /// A leaf of 96 bytes can never hash like the 64 bytes of an inner node, and its hash is hashed again: what an attacker
    /// would need is a leaf whose double hash is the inner node. The node itself, as the end of a shorter proof, is refused.
    function test_InternalNodePassedOffAsALeaf() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(4, ETH, 1);
        postActive(leaves);
        bytes32[] memory nodes = Tree.build(Tree.hashes(leaves));
        bytes32[] memory proof = new bytes32[](1);
        proof[0] = nodes[2];
        // The pre-image of inner node 1 read as a leaf: its first 64 bytes are two addresses' words.
        IRewardsDistributor.Leaf memory fake =
            leaf(address(uint160(uint256(nodes[3]))), address(uint160(uint256(nodes[4]))), 0);
        bytes32 computed = fold(proof, Tree.hashLeaf(fake));
        refuse(1, fake, proof, abi.encodeWithSelector(IRewardsDistributor.InvalidProof.selector, computed, nodes[0]));
        // Seen from the views: only the true leaves verify.
        yes(!distributor.verifyLeaf(1, fake, proof));
        yes(distributor.verifyLeaf(1, leaves[0], Tree.proof(leaves, 0)));
    }

    function test_SingleLeafTree() external {
        IRewardsDistributor.Leaf memory only = forOne(account(7), ETH);
        IRewardsDistributor.Leaf memory other = leaf(account(8), ETH, 40);
        bytes32[] memory none = new bytes32[](0);
        bytes4 selector = IRewardsDistributor.InvalidProof.selector;
        refuse(1, other, none, abi.encodeWithSelector(selector, Tree.hashLeaf(other), Tree.hashLeaf(only)));
        eq(distributor.claim(1, only, none), 40);
        selector = IRewardsDistributor.NothingToClaim.selector;
        refuse(1, only, none, abi.encodeWithSelector(selector, account(7), ETH, 40, 40));
    }

    function test_LastClaimantOfAnOverDeclaredTree() external {
        IRewardsDistributor.Leaf[] memory leaves = ladder(3, ETH, 1);
        vm.deal(address(distributor), 10_000);
        post(recordOf(Tree.root(leaves), ETH, 599));
        vm.warp(START + DELAY);
        eq(claim(1, leaves, 0), 100);
        eq(claim(1, leaves, 1), 200);
        bytes4 selector = IRewardsDistributor.DeclaredTotalExceeded.selector;
        bytes32[] memory proof = Tree.proof(leaves, 2);
        refuse(1, leaves[2], proof, abi.encodeWithSelector(selector, ETH, 300, 299));
        eq(claimedOf(ETH), 300);
        // A later epoch that declares enough lets the same proof through.
        post(recordOf(Tree.root(leaves), ETH, 600));
        eq(distributor.claim(1, leaves[2], proof), 300);
    }

    function test_GivenAnAssetNeverListed_WhenClaimed_ItReverts() external {
        Token token = new Token();
        token.mint(address(distributor), 1000);
        IRewardsDistributor.Leaf[] memory leaves = one(leaf(account(1), address(token), 40));
        post(oneWei(Tree.root(leaves)));
        vm.warp(START + DELAY);
        bytes4 selector = IRewardsDistributor.DeclaredTotalExceeded.selector;
        bytes memory reason = abi.encodeWithSelector(selector, address(token), 40, 0);
        refuse(1, leaves[0], new bytes32[](0), reason);
    }

    function oneWei(bytes32 root) private returns (IRewardsDistributor.EpochRecord memory) {
        vm.deal(address(distributor), 1);
        return recordOf(root, ETH, 1);
    }

    function test_GivenAmountsAtTheLimits_WhenClaimed_TheyArePaid() external {
        uint256 most = type(uint96).max;
        IRewardsDistributor.Leaf[] memory leaves = one(leaf(account(1), ETH, most));
        postActive(leaves);
        eq(claim(1, leaves, 0), most);
        eq(distributor.claimed(account(1), ETH), most);
        eq(distributor.recipientOf(account(1)), account(1));
        Token token = new Token();
        token.mint(address(distributor), type(uint104).max);
        leaves = one(leaf(account(1), address(token), type(uint104).max));
        post(withTotal(recordOf(Tree.root(leaves), ETH, most), address(token), type(uint104).max));
        vm.warp(START + 2 * uint256(DELAY));
        eq(claim(2, leaves, 0), type(uint104).max);
    }

    function test_GivenALeafOfAllBits_WhenClaimed_ItIsRefusedWithoutOverflow() external {
        IRewardsDistributor.Leaf[] memory leaves = one(leaf(account(1), ETH, type(uint256).max));
        vm.deal(address(distributor), 100);
        post(recordOf(Tree.root(leaves), ETH, 100));
        vm.warp(START + DELAY);
        bytes4 selector = IRewardsDistributor.DeclaredTotalExceeded.selector;
        refuse(1, leaves[0], new bytes32[](0), abi.encodeWithSelector(selector, ETH, type(uint256).max, 100));
    }

    function test_GivenTheZeroAccount_WhenClaimed_ItReverts() external {
        IRewardsDistributor.Leaf memory only = forOne(address(0), ETH);
        refuse(1, only, new bytes32[](0), abi.encodeWithSelector(IRewardsDistributor.ZeroAddress.selector));
    }

    function test_GivenARecipientThatDoesNotTakeIt_WhenClaimed_ItRevertsAndCosts() external {
        address[3] memory bad = [address(new Refuser()), address(new Burner()), address(new Bomber())];
        for (uint256 i; i < bad.length; ++i) {
            setUp();
            IRewardsDistributor.Leaf memory only = forOne(bad[i], ETH);
            vm.expectRevert(failed(ETH, bad[i]));
            distributor.claim{gas: 3_000_000}(1, only, new bytes32[](0));
            eq(distributor.claimed(bad[i], ETH) + claimedOf(ETH), 0);
        }
    }

    function test_GivenARecipientThatReturnsALot_WhenClaimed_ItIsPaidAndNothingIsCopied() external {
        address taker = address(new TalkativeTaker());
        IRewardsDistributor.Leaf memory only = forOne(taker, ETH);
        eq(distributor.claim{gas: 200_000}(1, only, new bytes32[](0)), 40);
    }

    function test_GivenAWalletBeyondTheBatchAllowance_WhenClaimedSingly_ItIsPaid() external {
        address wallet = address(new HeavyWallet(10));
        IRewardsDistributor.Leaf memory only = forOne(wallet, ETH);
        eq(distributor.claim(1, only, new bytes32[](0)), 40);
    }

    function test_GivenATokenWithoutReturnValue_WhenClaimed_ItIsPaid() external {
        SilentToken token = new SilentToken();
        token.mint(address(distributor), 40);
        eq(distributor.claim(1, forOne(account(1), address(token)), new bytes32[](0)), 40);
        eq(token.balanceOf(account(1)), 40);
    }

    function test_GivenATokenWithAFee_WhenClaimed_TheBooksCountWhatLeft() external {
        FeeToken token = new FeeToken();
        token.mint(address(distributor), 40);
        eq(distributor.claim(1, forOne(account(1), address(token)), new bytes32[](0)), 40);
        eq(token.balanceOf(account(1)), 36);
        eq(claimedOf(address(token)), 40);
    }

    function test_GivenATokenThatDoesNotSayTrue_WhenClaimed_ItReverts() external {
        ScriptedToken token = new ScriptedToken();
        token.mint(address(distributor), 40);
        IRewardsDistributor.Leaf memory only = forOne(account(1), address(token));
        bytes[4] memory answers =
            [abi.encode(false), abi.encode(uint256(2)), bytes(hex"01"), abi.encodePacked(bytes31(type(uint248).max))];
        for (uint256 i; i < answers.length; ++i) {
            token.script(answers[i], true);
            refuse(1, only, new bytes32[](0), failed(address(token), account(1)));
        }
        token.script(abi.encode(true, "and more"), true);
        eq(distributor.claim(1, only, new bytes32[](0)), 40);
    }

    /// 31 zero bytes over a word of scratch space that ends in 01, as it may after hashing such an address, must not pass
    /// for true.
    function test_GivenATokenWhoseShortAnswerLeavesAOne_WhenClaimed_ItReverts() external {
        ScriptedToken token = ScriptedToken(address(0xAA01));
        vm.etch(address(token), address(new ScriptedToken()).code);
        token.mint(address(distributor), 40);
        token.script(new bytes(31), true);
        IRewardsDistributor.Leaf memory only = forOne(account(1), address(token));
        refuse(1, only, new bytes32[](0), failed(address(token), account(1)));
    }

    function test_GivenATokenThatLostItsCode_WhenClaimed_ItReverts() external {
        Token token = new Token();
        token.mint(address(distributor), 40);
        IRewardsDistributor.Leaf memory only = forOne(account(1), address(token));
        vm.etch(address(token), "");
        refuse(1, only, new bytes32[](0), failed(address(token), account(1)));
    }

    function test_GivenATokenThatRevertsOrBurnsGas_WhenClaimed_ItReverts() external {
        BlacklistToken token = new BlacklistToken();
        token.mint(address(distributor), 40);
        token.blacklist(account(1));
        IRewardsDistributor.Leaf memory only = forOne(account(1), address(token));
        refuse(1, only, new bytes32[](0), failed(address(token), account(1)));
        setUp();
        BurningToken burning = new BurningToken();
        burning.mint(address(distributor), 40);
        only = forOne(account(1), address(burning));
        vm.expectRevert(failed(address(burning), account(1)));
        distributor.claim{gas: 3_000_000}(1, only, new bytes32[](0));
    }

    function test_ReentrantReceiver() external {
        Reentrant receiver = new Reentrant();
        IRewardsDistributor.Leaf memory only = forOne(address(receiver), ETH);
        receiver.arm(address(distributor), abi.encodeCall(distributor.claim, (1, only, new bytes32[](0))));
        distributor.claim(1, only, new bytes32[](0));
        yes(receiver.tried() && !receiver.succeeded());
        eq(keccak256(receiver.answer()), keccak256(guarded()));
        eq(address(receiver).balance, 40);
        eq(claimedOf(ETH), 40);
    }

    function test_ReentrantToken() external {
        ReentrantToken token = new ReentrantToken();
        token.mint(address(distributor), 80);
        IRewardsDistributor.Leaf memory only = forOne(account(1), address(token));
        token.arm(address(distributor), abi.encodeCall(distributor.fund, (address(token), 0)));
        distributor.claim(1, only, new bytes32[](0));
        yes(token.tried() && !token.succeeded());
        eq(keccak256(token.answer()), keccak256(guarded()));
        eq(token.balanceOf(account(1)), 40);
        eq(token.balanceOf(address(distributor)), 40);
    }

    function guarded() private pure returns (bytes memory) {
        return abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector);
    }
}
